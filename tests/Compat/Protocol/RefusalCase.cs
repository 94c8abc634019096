using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Protocol;

/// <summary>Sends methods on channel 1 and reads the close that answers them; base of the classes that state exact errors.</summary>
public abstract class RefusalCase(SharedBroker shared) : IClassFixture<SharedBroker>
{
    /// <summary>A queue or exchange name no other test uses.</summary>
    protected string Name { get; } = $"refusal.{Guid.NewGuid():N}";

    /// <summary>The broker's AMQP port.</summary>
    protected int Port => shared.Broker.AmqpPort;

    /// <summary>Whether the broker under test is a RabbitMQ 3, whose answers differ in places from those of 4.2 that are wanted.</summary>
    protected bool IsRabbitMq3 => shared.Broker.IsRabbitMq3;

    /// <summary>One table for arguments.</summary>
    protected static Dictionary<string, object?> Arguments(string name, object? value) => new() { [name] = value };

    /// <summary>Sends the methods in one go on a new connection and expects the last to be refused on its channel, the connection living on.</summary>
    protected async Task RefusedOnChannelAsync(ushort code, string text, (ushort Class, ushort Method) method, params byte[][] methods)
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await RefusedOnChannelAsync(connection, code, text, method, methods);
    }

    /// <summary>As above, on a connection the test has prepared.</summary>
    protected static async Task RefusedOnChannelAsync(
        WireConnection connection, ushort code, string text, (ushort Class, ushort Method) method, params byte[][] methods)
    {
        await SendAllAsync(connection, methods);
        Assert.Equal(new WireClose("channel", code, AsSent(text), method.Class, method.Method), await connection.ExpectCloseAsync());
        await connection.CallAsync(77, WireMethods.ChannelOpen(), 20, 11);
    }

    /// <summary>Sends the methods in one go on a new connection and expects the last to end the whole connection.</summary>
    protected async Task RefusedOnConnectionAsync(ushort code, string text, (ushort Class, ushort Method) method, params byte[][] methods)
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await SendAllAsync(connection, methods);
        Assert.Equal(new WireClose("connection", code, text, method.Class, method.Method), await connection.ExpectCloseAsync());
        Assert.Null(await connection.ReadAsync());
    }

    /// <summary>A text that does not fit a short string ends in dots; RabbitMQ leaves it at 255 characters with them.</summary>
    private static string AsSent(string text) => text.Length <= 255 ? text : text[..252] + "...";

    private static async Task SendAllAsync(WireConnection connection, byte[][] methods)
    {
        foreach (var method in methods)
        {
            await connection.SendMethodAsync(1, method);
        }
    }
}
