using System.Text;
using Granary.Core.Messages;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Members;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp.DirectReply;

/// <summary>Replies of one gateway's clients to those of another.</summary>
public sealed class ReplyRouteTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly FakeMembers _members = new("10.0.0.1:11111@1");
    private readonly FakeClock _clock = new();
    private readonly ReplyRegistry _here;
    private readonly ReplyRegistry _there;
    private readonly FakeMember _other;
    private readonly Requester _requester = new();
    private readonly byte[] _address;
    private readonly Guid _id = Guid.NewGuid();

    public ReplyRouteTests()
    {
        _here = RegistryOf(_members, _clock);
        _there = RegistryOf(new FakeMembers("10.0.0.2:11111@2"));
        _other = new FakeMember(_there);
        _members.Add("10.0.0.2:11111@2", _other);
        _address = _there.Add(_id, _requester);
    }

    [Fact]
    public async Task Post_WhileACallIsUnderWay_GoesWithTheNextInOrder()
    {
        var gate = new TaskCompletionSource();
        _other.OnTheWay = () => gate.Task;
        var route = Route();
        var told = Enumerable.Range(0, 1000).Select(number => PostAsync(route, $"{number}")).ToArray();
        await WaitUntilAsync(() => _other.Calls.Count == 1);

        gate.SetResult();
        Assert.All(await Task.WhenAll(told).WaitAsync(Limit), Assert.True);

        Assert.Equal(Enumerable.Range(0, 1000).Select(number => $"{number}"), _requester.Received);
        Assert.InRange(_other.Calls.Count, 2, 4);
    }

    [Fact]
    public async Task Post_WhenOnlyTheAnswerIsLost_IsDeliveredOnce()
    {
        _other.LosesAnswer = true;
        var told = PostAsync(Route(), "once");
        await WaitUntilAsync(() => _clock.HasTimerDueIn(TimeSpan.FromMilliseconds(250)));
        _clock.Advance(TimeSpan.FromMilliseconds(250));

        Assert.True(await told.WaitAsync(Limit));
        Assert.Equal(2, _other.Calls.Count);
        Assert.Equal(["once"], _requester.Received);
    }

    [Fact]
    public async Task Post_RequesterGone_IsToldAndCountedThere()
    {
        var route = Route();
        _there.Remove(_id);

        Assert.False(await PostAsync(route, "late").WaitAsync(Limit));
        Assert.Equal((1, 0), (_there.Dropped, _here.Undelivered));
    }

    [Fact]
    public async Task Post_GatewayGone_IsToldAndCounted()
    {
        var gate = new TaskCompletionSource();
        _other.OnTheWay = () => gate.Task;
        var route = Route();
        var first = PostAsync(route, "under way");
        var second = PostAsync(route, "waits");
        await WaitUntilAsync(() => _other.Calls.Count == 1);

        _members.Lose("10.0.0.2:11111@2");
        gate.SetException(new InvalidOperationException("the silo is gone"));
        await WaitUntilAsync(() => _clock.HasTimerDueIn(TimeSpan.FromMilliseconds(250)));
        _clock.Advance(TimeSpan.FromMilliseconds(250));

        Assert.False(await first.WaitAsync(Limit));
        Assert.False(await second.WaitAsync(Limit));
        Assert.False(_here.TryFind(_address, out _));
        Assert.Equal((2, 1), (_here.Undelivered, _here.Dropped));
    }

    [Fact]
    public async Task Post_MoreThanAGatewayTakes_HoldsThoseWhoReply()
    {
        var gate = new TaskCompletionSource();
        _other.OnTheWay = () => gate.Task;
        var route = Route();
        var large = new string('x', 1024 * 1024);
        var told = Enumerable.Range(0, 6).Select(_ => PostAsync(route, large)).ToArray();
        await WaitUntilAsync(() => route.IsFull);
        var room = route.WaitForRoomAsync();
        Assert.False(room.IsCompleted);

        gate.SetResult();
        await room.WaitAsync(Limit);
        Assert.All(await Task.WhenAll(told).WaitAsync(Limit), Assert.True);
        Assert.False(route.IsFull);
    }

    [Theory]
    [InlineData("amq.rabbitmq.reply-to.")]
    [InlineData("amq.rabbitmq.reply-to.x")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef.")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef.***")]
    [InlineData("amq.rabbitmq.reply-to.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef.MTAuMC4wLjk6MUAx")]
    public async Task Find_AddressOfNobody_IsNobody(string address)
    {
        Assert.False(_here.TryFind(Encoding.ASCII.GetBytes(address), out _));
        Assert.False(await _here.IsWaitingAsync(address));
    }

    [Fact]
    public async Task Find_AddressOfAnother_SaysWhetherHeWaits()
    {
        var address = Encoding.ASCII.GetString(_address);
        Assert.True(await _here.IsWaitingAsync(address));
        Assert.False(await _here.IsWaitingAsync(address.Replace($"{_id:N}", $"{Guid.NewGuid():N}", StringComparison.Ordinal)));
    }

    private static ReplyRegistry RegistryOf(FakeMembers members, FakeClock? clock = null) =>
        new(new ReplyRoutes(members, clock ?? new FakeClock(), NullLogger<ReplyRoutes>.Instance));

    private ReplyRoute Route()
    {
        Assert.True(_here.TryFind(_address, out var target));
        return target.Route!;
    }

    private Task<bool> PostAsync(ReplyRoute route, string body)
    {
        var told = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        route.Post(new MessageBatch(Messages.Record(body, exchange: "", key: Encoding.ASCII.GetString(_address)), 1, MessageFlags.None), told.SetResult);
        return told.Task;
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!condition())
        {
            await Task.Delay(1, limit.Token);
        }
    }

    private sealed class Requester : IReplyConsumer
    {
        public List<string> Received { get; } = [];

        public void Receive(in MessageBatch reply) => Received.AddRange(Messages.Bodies(reply));
    }
}
