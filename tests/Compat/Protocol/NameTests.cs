using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Protocol;

/// <summary>Line breaks in names: whoever declares by such a name finds what was declared by it, with every method.</summary>
public sealed class NameTests(SharedBroker shared) : RefusalCase(shared)
{
    [Fact]
    public async Task Methods_OnANameWithLineBreaks_MeanTheNameWithoutThem()
    {
        var (queue, exchange, source) = (Name + "\r\nq", Name + "\nx", Name + "\rs");
        await using var connection = await WireConnection.OpenAsync(Port);
        var declared = await connection.CallAsync(1, QueueDeclare(queue, exclusive: true), 50, 11);
        Assert.Equal(Name + "q", declared.Arguments().ShortString());
        await connection.CallAsync(1, ExchangeDeclare(exchange, "fanout"), 40, 11);
        await connection.CallAsync(1, ExchangeDeclare(source, "fanout"), 40, 11);

        await connection.CallAsync(1, QueueBind(queue, exchange), 50, 21);
        await connection.CallAsync(1, ExchangeBind(exchange, source), 40, 31);
        await PublishAsync(connection, Name + "s");
        await connection.CallAsync(1, BasicGet(queue, noAck: true), 60, 71);
        await connection.ReadAsync();
        await connection.ReadAsync();

        await connection.CallAsync(1, ExchangeUnbind(exchange, source), 40, 51);
        await PublishAsync(connection, Name + "s");
        await connection.CallAsync(1, BasicGet(queue, noAck: true), 60, 72);
        await PublishAsync(connection, Name + "x");
        Assert.Equal(1u, (await connection.CallAsync(1, QueuePurge(queue), 50, 31)).Arguments().Long());

        await connection.CallAsync(1, QueueUnbind(queue, exchange), 50, 51);
        await PublishAsync(connection, Name + "x");
        await connection.CallAsync(1, BasicGet(queue, noAck: true), 60, 72);
        await PublishAsync(connection, "", Name + "q");
        Assert.Equal(1u, (await connection.CallAsync(1, QueueDelete(queue), 50, 41)).Arguments().Long());
        await connection.CallAsync(1, QueueDeclare(queue, exclusive: true), 50, 11);
        await connection.CallAsync(1, BasicConsume(queue, "tag"), 60, 21);

        foreach (var name in new[] { exchange, source })
        {
            await connection.CallAsync(1, ExchangeDelete(name), 40, 21);
        }

        await RefusedOnChannelAsync(
            connection, 404, $"NOT_FOUND - no exchange '{Name}x' in vhost '/'", (40, 10), ExchangeDeclare(Name + "x", passive: true));
    }

    private static Task PublishAsync(WireConnection connection, string exchange, string key = "k") =>
        connection.PublishAsync(1, BasicPublish(exchange, key), [1]);
}
