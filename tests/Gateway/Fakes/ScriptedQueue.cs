using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Core.Transactions;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>A queue that only keeps the packets it is sent; the test answers each of them when and how it likes.</summary>
internal sealed class ScriptedQueue : IQueueGrain
{
    /// <summary>All packets, those sent again included.</summary>
    public List<SentPacket> Sent { get; } = [];

    public SentPacket Last => Sent[^1];

    /// <summary>Answers calls to delete it.</summary>
    public Func<ValueTask<QueueAnswer>>? OnDelete { get; set; }

    public long[] Numbers => [.. Sent.Select(sent => sent.Up.Number)];

    public ValueTask<LinkAnswer> SendAsync(LinkUp up)
    {
        var sent = new SentPacket(up);
        Sent.Add(sent);
        return new ValueTask<LinkAnswer>(sent.Call);
    }

    /// <summary>Answers declarations.</summary>
    public Func<ValueTask<QueueAnswer>>? OnDeclare { get; set; }

    public ValueTask<QueueAnswer> DeclareAsync(QueueDeclaration declaration) => OnDeclare is { } answer ? answer() : throw new NotSupportedException();

    /// <summary>Answers who asks what there is.</summary>
    public Func<ValueTask<QueueAnswer>>? OnDescribe { get; set; }

    public ValueTask<QueueAnswer> DescribeAsync(ConnectionId by) => OnDescribe is { } answer ? answer() : throw new NotSupportedException();

    public ValueTask<QueueAnswer> DeleteAsync(ConnectionId by, bool ifUnused, bool ifEmpty) =>
        OnDelete is { } answer ? answer() : throw new NotSupportedException();

    public ValueTask<QueueAnswer> PurgeAsync(ConnectionId by) => throw new NotSupportedException();

    public ValueTask<QueuePlace> MoveAsync(SiloAddress silo) => throw new NotSupportedException();

    public ValueTask<BrowseAnswer> BrowseAsync(ConnectionId by, string after, int most, int bytes) => throw new NotSupportedException();

    public ValueTask<DelayedAnswer> ListDelayedAsync(string after, int most) => throw new NotSupportedException();

    public ValueTask ReplayAsync(Destination to, Guid request) => throw new NotSupportedException();

    public ValueTask<QueueAnswer> CancelDelayedAsync(string id, Guid request) => throw new NotSupportedException();

    public ValueTask<PrepareAnswer> PrepareAsync(TransactionPart part) => throw new NotSupportedException();

    public ValueTask<JointAnswer> CommitTogetherAsync(QueuePart[] parts) => throw new NotSupportedException();

    public ValueTask DecideAsync(TransactionId transaction, bool takesEffect) => throw new NotSupportedException();

    public ValueTask FinishAsync(TransactionId transaction) => throw new NotSupportedException();

    public ValueTask WakeAsync() => throw new NotSupportedException();

    public ValueTask RemoveAsync() => throw new NotSupportedException();

    public ValueTask<QueueAnswer> AddBindingSourceAsync(ConnectionId by, string exchange) => throw new NotSupportedException();
}

/// <summary>One packet on its way to a queue, and the call that carries it. Answers are applied before the answering method returns.</summary>
internal sealed class SentPacket(LinkUp up)
{
    private readonly TaskCompletionSource<LinkAnswer> _call = new();

    public LinkUp Up => up;

    public Task<LinkAnswer> Call => _call.Task;

    /// <summary>The bodies of what it publishes, item by item.</summary>
    public string[] Published => [.. up.Items.OfType<PublishItem>().Select(item => string.Join(' ', Messages.Bodies(item.Batch)))];

    public void Answer(long receivedThrough, params LinkDown[] downs) => Inline(() => _call.SetResult(new LinkAnswer(receivedThrough, downs)));

    public void Fail() => Inline(() => _call.SetException(new TimeoutException("as a call that nobody answered")));

    /// <summary>A packet downward on the same link.</summary>
    public LinkDown Down(long number, long receivedThrough, long watermark, params LinkDownItem[] items) => new()
    {
        Link = up.Link,
        Epoch = 7,
        Number = number,
        ReceivedThrough = receivedThrough,
        Watermark = watermark,
        Items = items,
    };

    // What awaits runs on the completing thread only where there is no synchronization context, and xunit has one.
    private static void Inline(Action complete)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        complete();
        SynchronizationContext.SetSynchronizationContext(context);
    }
}
