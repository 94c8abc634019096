namespace Granary.Silo.Outbox;

/// <summary>A message that waits in the database to be published.</summary>
/// <param name="Id">Those of one session of the database are in the order of their ids.</param>
/// <param name="Properties">A JSON object with RabbitMQ's names.</param>
/// <param name="IsMandatory">It waits until there is a queue for it.</param>
internal sealed record OutboxMessage(long Id, string Vhost, string Exchange, string RoutingKey, string Properties, byte[] Body, bool IsMandatory);
