using System.Collections.Concurrent;
using System.Text;
using Granary.Core.Members;
using Granary.Core.Messages;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>All consumers of the direct reply-to pseudo-queue at this gateway: replies go to them with no queue on the way.</summary>
/// <param name="routes">The ways to other gateways; null where there are none.</param>
internal sealed class ReplyRegistry(ReplyRoutes? routes = null) : IReplyDesk
{
    private readonly ConcurrentDictionary<Guid, (IReplyConsumer Consumer, byte[] Address)> _consumers = new();
    private readonly ConcurrentDictionary<string, Sender> _senders = new(StringComparer.Ordinal);
    private long _dropped;

    /// <summary>Replies that nobody was there to take: their requester was gone.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Replies that did not get to their requester's gateway.</summary>
    public long Undelivered => routes?.Dropped ?? 0;

    /// <summary>Adds a consumer and returns the reply-to that its requests carry.</summary>
    public byte[] Add(Guid id, IReplyConsumer consumer)
    {
        var address = ReplyAddress.Create(id, routes is null ? [] : routes.Own);
        _consumers[id] = (consumer, address);
        return address;
    }

    public void Remove(Guid id) => _consumers.TryRemove(id, out _);

    /// <summary>False when the requester is known to be gone: it is as if its queue had been deleted.</summary>
    public bool TryFind(ReadOnlySpan<byte> routingKey, out ReplyTarget target)
    {
        target = FindHere(routingKey) is { } consumer ? new ReplyTarget(consumer, null) : new ReplyTarget(null, FindRoute(routingKey));
        if (target == default)
        {
            Interlocked.Increment(ref _dropped);
            return false;
        }

        return true;
    }

    /// <summary>Whether a client waits for replies at that address, at whichever gateway.</summary>
    public async ValueTask<bool> IsWaitingAsync(string address) =>
        IsWaiting(address) || (FindRoute(Encoding.UTF8.GetBytes(address)) is { } route && await route.IsWaitingAsync(address).ConfigureAwait(false));

    public bool IsWaiting(string address) => FindHere(Encoding.UTF8.GetBytes(address)) is not null;

    public ReplyReceipt Take(string from, long number, in MessageBatch replies)
    {
        var sender = _senders.GetOrAdd(from, static _ => new Sender());
        lock (sender.Gate)
        {
            // One that is late was answered, or given up: nobody listens.
            if (number > sender.Last)
            {
                (sender.Last, sender.Receipt) = (number, Deliver(replies));
            }

            return sender.Receipt;
        }
    }

    /// <summary>A member is gone, and does not come again under its name.</summary>
    public void Forget(string member) => _senders.TryRemove(member, out _);

    private ReplyReceipt Deliver(in MessageBatch replies)
    {
        List<int>? missing = null;
        var records = replies.Records;
        for (var i = 0; i < replies.Count; i++)
        {
            var length = MessageRecord.LengthOf(records.Span);
            if (FindHere(new MessageRecord(records.Span).RoutingKey) is { } consumer)
            {
                consumer.Receive(new MessageBatch(records[..length], 1, replies.Flags));
            }
            else
            {
                Interlocked.Increment(ref _dropped);
                (missing ??= []).Add(i);
            }

            records = records[length..];
        }

        return new ReplyReceipt(missing?.ToArray());
    }

    private IReplyConsumer? FindHere(ReadOnlySpan<byte> address) =>
        ReplyAddress.TryParse(address, out var id, out _) && _consumers.TryGetValue(id, out var found) && address.SequenceEqual(found.Address) ? found.Consumer : null;

    private ReplyRoute? FindRoute(ReadOnlySpan<byte> address) =>
        routes is not null && ReplyAddress.TryParse(address, out _, out var gateway) && !gateway.SequenceEqual(routes.Own) ? routes.Find(gateway) : null;

    /// <summary>What another gateway has sent, one call after the other.</summary>
    private sealed class Sender
    {
        public Lock Gate { get; } = new();

        public long Last { get; set; }

        public ReplyReceipt Receipt { get; set; }
    }
}
