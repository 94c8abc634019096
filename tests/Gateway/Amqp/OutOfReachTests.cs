using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Topology;
using Granary.Gateway.Amqp;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>A queue that does not answer: its client is told so in bounded time, and is neither given up nor kept for ever.</summary>
public sealed class OutOfReachTests
{
    private const string Text = "NOT_FOUND - queue 'q' in vhost '/' is down or inaccessible";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan WellBeforeLimit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Declare_OfAQueueThatCannotAnswer_ClosesTheChannelInTime()
    {
        await using var client = new ConnectionUnderTest();
        client.Watched.Expect(1006);
        var asked = 0;
        client.AddQueue("q").OnDeclare = () =>
        {
            asked++;
            throw new TimeoutException("as a silo that went");
        };
        await client.OpenAsync();

        await client.SendAsync(1, new QueueDeclare("q", Passive: false, Durable: false, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty));
        await PassWhileWaitingAsync(client, client.ExpectChannelCloseAsync(1, ReplyCode.NotFound, Text, MethodId.QueueDeclare));

        Assert.InRange(asked, 10, 100);
        await client.OpenAsync(2);
    }

    [Fact]
    public async Task Declare_OfAQueueThatComesBack_IsAnsweredByIt()
    {
        await using var client = new ConnectionUnderTest();
        var asked = 0;
        client.AddQueue("q").OnDeclare = () => ++asked < 3
            ? throw new Orleans.Runtime.SiloUnavailableException("as a silo that went")
            : ValueTask.FromResult(new QueueAnswer(null, 7, 0, Guid.NewGuid(), Durable: false));
        await client.OpenAsync();

        await client.SendAsync(1, new QueueDeclare("q", Passive: false, Durable: false, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty));

        await PassWhileWaitingAsync(client, client.ExpectAsync(1, new QueueDeclareOk("q", 7, 0)));
    }

    [Fact]
    public async Task Declare_OfAQueueThatNeverAnswers_ClosesTheChannelInTime()
    {
        await using var client = new ConnectionUnderTest();
        client.Watched.Expect(1006);
        client.AddQueue("q").OnDeclare = () => new ValueTask<QueueAnswer>(new TaskCompletionSource<QueueAnswer>().Task);
        await client.OpenAsync();

        await client.SendAsync(1, new QueueDeclare("q", Passive: false, Durable: false, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty));
        await PassWhileWaitingAsync(client, client.ExpectChannelCloseAsync(1, ReplyCode.NotFound, Text, MethodId.QueueDeclare));
    }

    [Fact]
    public async Task Client_ThatLeavesDuringADeclare_FreesItsSocket()
    {
        await using var client = new ConnectionUnderTest();
        client.AddQueue("q").OnDeclare = () => new ValueTask<QueueAnswer>(new TaskCompletionSource<QueueAnswer>().Task);
        await client.OpenAsync();
        await client.SendAsync(1, new QueueDeclare("q", Passive: false, Durable: false, Exclusive: false, AutoDelete: false, NoWait: false, FieldTable.Empty));
        await ConnectionUnderTest.WaitUntilAsync(() => client.Connection.Hold == HoldReason.Operation, "the method is waited for");

        client.Peer.HasLeft = true;
        client.Pass(TimeSpan.FromSeconds(2));

        await PassWhileWaitingAsync(client, client.WaitForSocketAsync(), WellBeforeLimit);
    }

    [Fact]
    public async Task Consume_FromAQueueThatNeverAnswers_ClosesTheChannelInTime()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();

        await client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty));
        await PassWhileWaitingAsync(client, client.ExpectChannelCloseAsync(1, ReplyCode.NotFound, Text, MethodId.BasicConsume));

        await client.OpenAsync(2);
    }

    [Fact]
    public async Task Get_FromAQueueThatNeverAnswers_ClosesTheChannelInTime()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();

        await client.SendAsync(1, new BasicGet("q", NoAck: true));

        await PassWhileWaitingAsync(client, client.ExpectChannelCloseAsync(1, ReplyCode.NotFound, Text, MethodId.BasicGet));
    }

    [Fact]
    public async Task Close_WithAQueueThatNeverAnswers_IsAnsweredInTime()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(Frames.Publish(1, "q", [1]));

        await client.SendAsync(0, new ConnectionClose(ReplyCode.Success, "bye", 0, 0));

        await PassWhileWaitingAsync(client, client.ExpectAsync(0, new ConnectionCloseOk()));
        await PassWhileWaitingAsync(client, client.WaitForSocketAsync());
    }

    [Fact]
    public async Task Close_WithAQueueThatNeverAnswers_DeletesExclusiveQueuesAllTheSame()
    {
        await using var client = new ConnectionUnderTest();
        client.Watched.Expect(1008);
        await client.OpenAsync();
        var deleted = new TaskCompletionSource();
        var own = client.AddQueue("own");
        var there = new QueueAnswer(Error: null, Messages: 0, Consumers: 0, Incarnation: Guid.NewGuid(), Durable: false);
        own.OnDeclare = own.OnDescribe = () => new ValueTask<QueueAnswer>(there);
        own.OnDelete = () =>
        {
            deleted.SetResult();
            return default;
        };
        await client.SendAsync(1, new QueueDeclare("own", Passive: false, Durable: false, Exclusive: true, AutoDelete: false, NoWait: false, FieldTable.Empty));
        await client.ExpectAsync(1, new QueueDeclareOk("own", 0, 0));
        await client.SendAsync(Frames.Publish(1, "q", [1]));

        await client.SendAsync(0, new ConnectionClose(ReplyCode.Success, "bye", 0, 0));

        await PassWhileWaitingAsync(client, deleted.Task, WellBeforeLimit);
        await PassWhileWaitingAsync(client, client.ExpectAsync(0, new ConnectionCloseOk()));
        await PassWhileWaitingAsync(client, client.WaitForSocketAsync());
        await PassWhileWaitingAsync(client, client.Connection.Released, TimeSpan.FromSeconds(90));
    }

    [Fact]
    public async Task Client_ThatLeavesDuringAMethod_FreesItsSocket()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(1, new BasicGet("q", NoAck: true));
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");

        client.Peer.HasLeft = true;
        client.Pass(TimeSpan.FromSeconds(2));

        await PassWhileWaitingAsync(client, client.WaitForSocketAsync(), WellBeforeLimit);
    }

    [Fact]
    public async Task Client_ThatIsSilentDuringAMethod_IsTakenForDead()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(2));
        client.Watched.Expect(1203);
        await client.OpenAsync();
        await client.SendAsync(1, new BasicGet("q", NoAck: true));
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");

        client.Pass(TimeSpan.FromSeconds(5));

        Assert.True(client.IsAborted);
        await PassWhileWaitingAsync(client, client.WaitForSocketAsync());
    }

    [Fact]
    public async Task Client_ThatIsHeardDuringAMethod_IsNotTakenForDead()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(2));
        await client.OpenAsync();
        await client.SendAsync(1, new BasicGet("q", NoAck: true));
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");

        for (var i = 0; i < 10; i++)
        {
            client.Peer.WasHeard = true;
            client.Pass(TimeSpan.FromSeconds(1));
        }

        Assert.False(client.IsAborted);
    }

    // What waits notes when it began, and that it is over, beside the test: time goes on until it has, or for so long, and then stands.
    private static async Task PassWhileWaitingAsync(ConnectionUnderTest client, Task waiting, TimeSpan? atMost = null)
    {
        var step = TimeSpan.FromMilliseconds(250);
        for (var passed = TimeSpan.Zero; !waiting.IsCompleted && passed < (atMost ?? 4 * Limit); passed += step)
        {
            client.Pass(step);
            await Task.WhenAny(waiting, Task.Delay(5));
        }

        await waiting;
    }
}
