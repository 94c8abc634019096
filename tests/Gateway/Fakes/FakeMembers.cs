using System.Collections.Concurrent;
using Granary.Core.Members;
using Granary.Core.Messages;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>The other members of a cluster, as a test has them.</summary>
internal sealed class FakeMembers(string own) : IMembers
{
    private readonly ConcurrentDictionary<string, IMemberService> _living = new();
    private Action<string>? _told;

    public string Own => own;

    public void Add(string member, IMemberService service) => _living[member] = service;

    public void Lose(string member)
    {
        _living.TryRemove(member, out _);
        _told?.Invoke(member);
    }

    public IMemberService? Find(string member) => _living.GetValueOrDefault(member);

    public void WhenGone(Action<string> tell) => _told += tell;
}

/// <summary>A gateway that is reached by calls, which a test may hold up or lose.</summary>
internal sealed class FakeMember(IReplyDesk desk) : IMemberService
{
    /// <summary>Awaited before a call arrives.</summary>
    public Func<Task> OnTheWay { get; set; } = () => Task.CompletedTask;

    /// <summary>Whether the answer to the next call is lost.</summary>
    public bool LosesAnswer { get; set; }

    public List<int> Calls { get; } = [];

    public async Task<ReplyReceipt> PostAsync(string from, long number, MessageBatch replies)
    {
        Calls.Add(replies.Count);
        await OnTheWay();
        var receipt = desk.Take(from, number, replies);
        if (LosesAnswer)
        {
            LosesAnswer = false;
            throw new TimeoutException("the answer is lost");
        }

        return receipt;
    }

    public Task<bool> IsWaitingAsync(string address) => Task.FromResult(desk.IsWaiting(address));
}
