using Granary.Core.Links;
using Granary.Gateway.Amqp.Delivering;

namespace Granary.Gateway.Amqp;

/// <summary>Consecutive deliveries of one channel from one queue that were settled together.</summary>
/// <param name="Consumer">Null for messages that were got.</param>
/// <param name="Since">When they were delivered, see <see cref="AckPatience.Since"/>.</param>
internal readonly record struct SettledDelivery(ulong FirstTag, QueueSession Session, OffsetRange Offsets, AmqpConsumer? Consumer, long Since = 0);
