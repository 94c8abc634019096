using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Gateway.Access;
using Granary.Gateway.Grpc.Consuming;
using Granary.Gateway.Tests.Fakes;
using Granary.Gateway.Tests.Links;
using Granary.V1;
using Settlement = Granary.Core.Links.Settlement;

namespace Granary.Gateway.Tests.Grpc.Consuming;

/// <summary>One <c>Get</c> over a queue that the test plays.</summary>
public sealed class QueueReaderTests : LinkTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);

    private readonly ClientRights _rights = new(new FakeAccess(), "guest", "/");

    [Fact]
    public async Task Get_AllAnswered_SettlesWhatItAnswers()
    {
        var get = Get(2);
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 0, Opened(), Got(1, 5, "a"), Got(2, 6, "b")));
        await SentAsync(2);

        Assert.Equal([(Settlement.Ack, 5L, 2)], Settled());
        Queue.Last.Answer(2);
        Assert.Equal(["a", "b"], (await get).Deliveries.Select(delivery => delivery.Body.ToStringUtf8()));
    }

    [Fact]
    public async Task Get_QueueDoesNotAnswerInTime_GivesBackWhatWasGotAndWhatComesYet()
    {
        var get = Get(3);
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 0, Opened(), Got(1, 5, "a"), Got(2, 6, "b")));

        Assert.InRange(await PassAsync(get), Patience, Patience + Step);
        await Assert.ThrowsAsync<TimeoutException>(() => get);

        await SentAsync(2);
        Assert.Equal([(Settlement.Undelivered, 5L, 2)], Settled());
        Push(Queue.Last.Down(2, 2, 0, Got(3, 7, "c")));
        Set.Flush();
        Assert.Equal([(Settlement.Undelivered, 5L, 2), (Settlement.Undelivered, 7L, 1)], Settled());
    }

    [Fact]
    public async Task Get_ThatItsSettlementsAreTakenIsNotHeard_AnswersAllTheSame()
    {
        var get = Get(1);
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 0, Opened(), Got(1, 5, "a")));
        await SentAsync(2);
        await PassAsync(get);
        Assert.Equal("a", Assert.Single((await get).Deliveries).Body.ToStringUtf8());
    }

    private Task<GetResponse> Get(uint limit) =>
        new QueueReader(Set, _rights, Patience, GatewayLease.Unlimited, trace: null, spans: null).GetAsync(new GetRequest { Queue = "q", AutoAck = true, Limit = limit }, default);

    private static GotItem Got(long request, long offset, string body) => new(request, Messages.Slice(offset, body), 0, null);

    /// <summary>Time passes for a process that runs, until the call is over. Returns how much has passed.</summary>
    private async Task<TimeSpan> PassAsync(Task get)
    {
        var passed = TimeSpan.Zero;
        for (; passed < 4 * Patience && !get.IsCompleted; passed += Step)
        {
            Clock.Advance(Step);
            await Task.WhenAny(get, Task.Delay(5));
        }

        return passed;
    }

    private async Task SentAsync(int packets)
    {
        for (var end = DateTime.UtcNow.AddSeconds(20); Queue.Sent.Count < packets; await Task.Yield())
        {
            Assert.True(DateTime.UtcNow < end, "Nothing was settled.");
        }
    }

    private IEnumerable<(Settlement Settlement, long First, int Count)> Settled() =>
        Queue.Sent.SelectMany(sent => sent.Up.Items).OfType<SettleItem>().SelectMany(item => item.Offsets.Select(range => (item.Settlement, range.First, range.Count)));
}
