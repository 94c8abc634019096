using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Churn;

/// <summary>How a queue comes to its end.</summary>
internal enum QueueEnd
{
    ConsumerCancelled,
    ChannelClosed,
    ConnectionClosed,
    Expired,
}

/// <summary>A queue that goes by itself, with an exchange of its own that goes with it and bindings to exchanges that stay.</summary>
internal sealed class PassingQueue(string prefix, int number)
{
    /// <summary>Long enough for what happens to it before, also on a busy machine.</summary>
    private const int ExpiresAfterMilliseconds = 5_000;

    private readonly QueueEnd _end = (QueueEnd)(number % 4);
    private readonly bool _isDurable = number / 4 % 2 == 0;

    public string Name { get; } = $"{prefix}.{number}";

    /// <summary>Declares, binds, publishes through each binding, takes what arrives, and leaves the queue to its end.</summary>
    public async Task ComeAndGoAsync(int port)
    {
        await using var connection = await WireConnection.OpenAsync(port);
        var expires = _end == QueueEnd.Expired ? new Dictionary<string, object?> { ["x-expires"] = ExpiresAfterMilliseconds } : null;
        await connection.CallAsync(1, ExchangeDeclare(Name, "topic", durable: _isDurable, autoDelete: true), 40, 11);
        await connection.CallAsync(1, QueueDeclare(Name, durable: _isDurable, autoDelete: expires is null, arguments: expires), 50, 11);
        await connection.CallAsync(1, QueueBind(Name, Name, "#"), 50, 21);
        await connection.CallAsync(1, QueueBind(Name, "amq.direct", Name), 50, 21);
        await connection.CallAsync(1, QueueBind(Name, "amq.topic", $"{Name}.*"), 50, 21);
        await connection.PublishAsync(1, BasicPublish(Name, "any"), [1]);
        await connection.PublishAsync(1, BasicPublish("amq.direct", Name), [2]);
        await connection.PublishAsync(1, BasicPublish("amq.topic", $"{Name}.x"), [3]);
        if (_end == QueueEnd.Expired)
        {
            for (var i = 0; i < 3; i++)
            {
                await connection.CallAsync(1, BasicGet(Name, noAck: true), 60, 71);
                await connection.ReadAsync();
                await connection.ReadAsync();
            }

            return;
        }

        await connection.CallAsync(1, BasicConsume(Name, "c", noAck: true), 60, 21);
        for (var i = 0; i < 3; i++)
        {
            await connection.ExpectAsync(60, 60);
            await connection.ReadAsync();
            await connection.ReadAsync();
        }

        if (_end == QueueEnd.ConsumerCancelled)
        {
            await connection.CallAsync(1, BasicCancel("c"), 60, 31);
        }
        else if (_end == QueueEnd.ChannelClosed)
        {
            await connection.CallAsync(1, ChannelClose(), 20, 41);
        }
    }

    /// <summary>Whether nothing of it is left: a message for it by each binding comes back, and neither name is known.</summary>
    public async Task<bool> IsGoneAsync(WireConnection connection)
    {
        foreach (var publish in new[] { BasicPublish("amq.direct", Name, mandatory: true), BasicPublish("amq.topic", $"{Name}.x", mandatory: true) })
        {
            await connection.PublishAsync(1, publish, [4]);
            var answer = await connection.ReadAsync();
            if (answer is null || !answer.Is(60, 50))
            {
                return false;
            }

            await connection.ReadAsync();
            await connection.ReadAsync();
            await connection.ExpectAsync(60, 80);
        }

        return await IsUnknownAsync(connection, QueueDeclare(Name, passive: true)) && await IsUnknownAsync(connection, ExchangeDeclare(Name, passive: true));
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({_end}{(_isDurable ? ", durable" : "")})";

    private static async Task<bool> IsUnknownAsync(WireConnection connection, byte[] declare)
    {
        await connection.CallAsync(2, ChannelOpen(), 20, 11);
        await connection.SendMethodAsync(2, declare);
        var answer = await connection.ReadAsync();
        if (answer is null || WireClose.From(answer) is not { Code: 404 })
        {
            return false;
        }

        await connection.SendMethodAsync(2, ChannelCloseOk());
        return true;
    }
}
