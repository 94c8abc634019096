using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Protocol;

/// <summary>The protocol header, authentication, tuning and opening: what is refused, and how.</summary>
[WatchedBroker]
[MayLog(1105, 1205)]
public sealed class HandshakeTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData("AMQP\x00\x00\x08\x00")]
    [InlineData("AMQP\x00\x00\x09\x02")]
    [InlineData("AMQP\x00\x02\x00\x00")]
    [InlineData("HTTP/1.1")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    public async Task ProtocolHeader_OfAnotherProtocol_IsAnsweredWithAHeaderAndClosed(string header)
    {
        await using var connection = await WireConnection.ConnectAsync(shared.Broker.AmqpPort);
        await connection.SendAsync(header.Select(c => (byte)c).ToArray());
        var answer = await connection.ReadToEndAsync(CloseLimit);
        if (shared.Broker.IsRabbitMq3 && answer is [(byte)'A', (byte)'M', (byte)'Q', (byte)'P', 3, 1, 0, 0])
        {
            return; // RabbitMQ offers AMQP 1.0 to who asked for something else than 0.0.x.
        }

        Assert.Equal(WireConnection.ProtocolHeader, answer);
    }

    [Fact]
    public async Task StartOk_WrongPassword_Is403()
    {
        await using var connection = await StartedAsync();
        await connection.SendMethodAsync(0, StartOk(password: "wrong"));
        var close = await connection.ExpectCloseAsync();
        Assert.Equal(("connection", (ushort)403), (close.Level, close.Code));
        Assert.Equal(
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.", close.Text);
    }

    [Fact]
    public async Task StartOk_UnknownMechanism_Is503OrJustClosed()
    {
        await using var connection = await StartedAsync();
        await connection.SendMethodAsync(0, StartOk(mechanism: "MAGIC"));

        // RabbitMQ logs the 503 and closes the socket after three seconds, without a word.
        if (await connection.ReadAsync() is { } frame)
        {
            var close = WireClose.From(frame);
            Assert.Equal(("connection", (ushort?)503), (close?.Level, close?.Code));
            Assert.Equal("COMMAND_INVALID - unknown authentication mechanism 'MAGIC'", close?.Text);
        }
    }

    [Theory]
    [InlineData(4000, "lower", "minimum", 4096)]
    [InlineData(200_000, "higher", "maximum", 131_072)]
    public async Task TuneOk_FrameMaxOutOfRange_Is530(uint frameMax, string relation, string bound, uint allowed)
    {
        await using var connection = await AuthenticatedAsync();
        await connection.SendMethodAsync(0, TuneOk(frameMax: frameMax));
        await TuningRefusedAsync(connection, $"NOT_ALLOWED - negotiated frame_max = {frameMax} is {relation} than the {bound} allowed value ({allowed})");
    }

    [Fact]
    public async Task TuneOk_ChannelMaxTooHigh_Is530()
    {
        await using var connection = await AuthenticatedAsync();
        await connection.SendMethodAsync(0, TuneOk(channelMax: 5000));
        await TuningRefusedAsync(connection, "NOT_ALLOWED - negotiated channel_max = 5000 is higher than the maximum allowed value (2047)");
    }

    [Fact]
    public async Task ConnectionOpen_MissingVhost_Is530()
    {
        await using var connection = await AuthenticatedAsync();
        await connection.SendMethodAsync(0, TuneOk());
        await connection.SendMethodAsync(0, ConnectionOpen("nowhere"));
        Assert.Equal(new WireClose("connection", 530, "NOT_ALLOWED - vhost nowhere not found", 10, 40), await connection.ExpectCloseAsync());
    }

    [Fact]
    public async Task ChannelOpen_BeyondNegotiatedMaximum_Is530()
    {
        await using var connection = await AuthenticatedAsync();
        await connection.SendMethodAsync(0, TuneOk(channelMax: 2));
        await connection.CallAsync(0, ConnectionOpen(), 10, 41);
        await connection.CallAsync(1, ChannelOpen(), 20, 11);
        await connection.CallAsync(2, ChannelOpen(), 20, 11);
        await connection.SendMethodAsync(3, ChannelOpen());
        Assert.Equal(
            new WireClose("connection", 530, "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)", 0, 0),
            await connection.ExpectCloseAsync());
    }

    [Fact]
    public async Task ChannelOpen_NumberAboveNegotiatedMaximum_IsAnsweredWhileThereIsRoom()
    {
        await using var connection = await AuthenticatedAsync();
        await connection.SendMethodAsync(0, TuneOk(channelMax: 2));
        await connection.CallAsync(0, ConnectionOpen(), 10, 41);
        await connection.CallAsync(2048, ChannelOpen(), 20, 11);
        await connection.CallAsync(65535, ChannelOpen(), 20, 11);
    }

    [Fact]
    public async Task ConnectionClose_AfterOpen_IsAnswered()
    {
        await using var connection = await WireConnection.OpenAsync(shared.Broker.AmqpPort);
        await connection.CallAsync(0, ConnectionClose(), 10, 51);
    }

    private async Task TuningRefusedAsync(WireConnection connection, string text)
    {
        if (shared.Broker.IsRabbitMq3)
        {
            Assert.Null(await connection.ReadAsync()); // Closed without a word; 4.2 tells.
            return;
        }

        var close = await connection.ExpectCloseAsync();
        Assert.Equal(("connection", (ushort)530, text), (close.Level, close.Code, close.Text));
    }

    private async Task<WireConnection> StartedAsync()
    {
        var connection = await WireConnection.ConnectAsync(shared.Broker.AmqpPort);
        await connection.SendAsync(WireConnection.ProtocolHeader);
        await connection.ExpectAsync(10, 10);
        return connection;
    }

    private async Task<WireConnection> AuthenticatedAsync()
    {
        var connection = await StartedAsync();
        await connection.CallAsync(0, StartOk(), 10, 30);
        return connection;
    }
}
