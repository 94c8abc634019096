using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Ends;

/// <summary>Each way in which a connection can end: counted once, for the reason that began it.</summary>
public sealed class ConnectionEndsTests
{
    private static readonly byte[] CloseOk = Frames.Method(0, new ConnectionCloseOk());

    [Fact]
    public async Task Connection_ClosedByTheClient_IsThat()
    {
        await using var client = new ConnectionUnderTest();
        await client.SendAsync(0, new ConnectionClose(ReplyCode.Success, "", 0, 0));
        await client.ExpectAsync(0, new ConnectionCloseOk());
        await client.EndAsync();

        AssertOnly(client, ConnectionEnd.ClosedByClient);
    }

    [Fact]
    public async Task Connection_WhoseClientGoes_IsGone()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.EndAsync();

        AssertOnly(client, ConnectionEnd.ClientGone);
    }

    [Fact]
    public async Task Connection_WhoseClientResets_IsASocketThatFailed()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.EndAsync(new IOException("reset"));

        AssertOnly(client, ConnectionEnd.SocketFailed);
    }

    [Fact]
    public async Task Connection_OfASilentClient_HasMissedItsHeartbeats()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(10));
        client.Watched.Expect(1203);
        client.Pass(TimeSpan.FromSeconds(21));
        await client.WaitForEndAsync();

        AssertOnly(client, ConnectionEnd.HeartbeatMissed);
    }

    [Fact]
    public async Task Connection_WithABadFrame_IsTheClientsErrorAndWhatFollowsIsNotLookedAt()
    {
        await using var client = new ConnectionUnderTest();
        client.Watched.Expect(1205);
        await client.SendAsync(8, 0, 0, 0, 0, 0, 0, 0xCD);
        await client.ExpectAsync(
            0, new ConnectionClose(ReplyCode.FrameError, "FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,205}", 0, 0));

        await client.SendAsync(new byte[1024 * 1024]);
        await client.SendAsync(CloseOk);
        await ConnectionUnderTest.WaitUntilAsync(() => client.HasReadAll, "all of it has been taken");
        await client.EndAsync();

        AssertOnly(client, ConnectionEnd.ClientError);
    }

    [Fact]
    public async Task Connection_WithAMethodThatFails_IsToldAndIsTheBrokersError()
    {
        await using var client = new ConnectionUnderTest();
        client.AddQueue("q").OnDeclare = () => ValueTask.FromResult(QueueAnswer.Refused(new BrokerError(ReplyCode.InternalError, "broken")));
        await client.OpenAsync();
        await client.SendAsync(1, new QueueDeclare("q", false, false, false, false, false, FieldTable.Empty));

        await client.ExpectCloseAsync(ReplyCode.InternalError, "INTERNAL_ERROR - broken", MethodId.QueueDeclare);

        AssertOnly(client, ConnectionEnd.InternalError);
    }

    [Fact]
    public async Task Connection_ForcedToClose_IsTheBrokersWish()
    {
        await using var client = new ConnectionUnderTest();
        client.Connection.ForceClose("enough");
        await client.ExpectCloseAsync(ReplyCode.ConnectionForced, "CONNECTION_FORCED - enough");

        AssertOnly(client, ConnectionEnd.ClosedByBroker);
    }

    [Fact]
    public async Task Connection_AbortedFromOutside_IsThat()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.AbortAsync();
        await client.WaitForEndAsync();

        AssertOnly(client, ConnectionEnd.Aborted);
    }

    [Fact]
    public async Task Frames_BehindOneThatClosesItsChannel_AreHandledThoughNothingMoreComes()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync(1);
        await client.OpenAsync(2);
        await client.SendAsync([.. Frames.Method(1, new BasicAck(5, Multiple: false)), .. Frames.Method(2, new ChannelFlow(Active: true))]);

        await client.ExpectAsync(1, new ChannelClose(ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 5", 60, 80));
        await client.ExpectAsync(2, new ChannelFlowOk(Active: true));
    }

    private static void AssertOnly(ConnectionUnderTest client, ConnectionEnd end)
    {
        foreach (var each in Enum.GetValues<ConnectionEnd>())
        {
            Assert.Equal((each, each == end ? 1 : 0), (each, client.Ends[each]));
        }
    }
}
