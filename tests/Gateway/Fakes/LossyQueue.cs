using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Core.Transactions;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>
/// The queue's end of links in its simplest form, behind a network that loses, repeats and reorders: nothing moves until the walk moves it.
/// </summary>
/// <param name="random">Says what becomes of what moves in the present step.</param>
internal sealed class LossyQueue(Func<Random> random, Func<ILinkObserver> gateway) : IQueueGrain
{
    // Links that close send from the pool while the walk goes on.
    private readonly Lock _gate = new();
    private readonly List<(LinkUp Up, TaskCompletionSource<LinkAnswer> Call)> _calls = [];
    private readonly List<(LinkAnswer Answer, TaskCompletionSource<LinkAnswer> Call)> _answers = [];
    private readonly List<LinkDown> _pushes = [];
    private readonly Dictionary<LinkId, End> _ends = [];
    private readonly HashSet<LinkId> _forgotten = [];
    private readonly Dictionary<SessionId, long> _progress = [];
    private Dictionary<SessionId, long> _storedProgress = [];
    private Guid _incarnation = Guid.NewGuid();
    private int _stored;
    private long _epoch = 1;
    private long _nextOffset;
    private long _watermark;

    public bool Exists { get; private set; } = true;

    /// <summary>What was enqueued, in order, whatever became of the queue since.</summary>
    public List<string> Enqueued { get; } = [];

    public HashSet<string> Refused { get; } = [];

    /// <summary>How many messages were pushed to consumers.</summary>
    public int Delivered { get; private set; }

    /// <summary>Links that the gateway allowed to be forgotten. Whatever comes of one after that is a fault.</summary>
    public int ForgottenLinks => _forgotten.Count;

    public int LivingLinks => _ends.Values.Count(end => !end.HasEnded);

    public bool IsQuiet => _calls.Count == 0 && _answers.Count == 0 && _pushes.Count == 0;

    public ValueTask<LinkAnswer> SendAsync(LinkUp up)
    {
        var call = new TaskCompletionSource<LinkAnswer>();
        lock (_gate)
        {
            _calls.Add((up, call));
        }

        return new ValueTask<LinkAnswer>(call.Task);
    }

    public void Declare()
    {
        Exists = true;
        _incarnation = Guid.NewGuid();
    }

    /// <summary>The activation is lost, with all that is not durable. The next one knows of no link.</summary>
    public void EndActivation()
    {
        _pushes.AddRange(_ends.Values.Where(end => !end.HasEnded).Select(end => end.Lost(_epoch + 1)));
        _ends.Clear();
        _epoch++;
        Enqueued.RemoveRange(_stored, Enqueued.Count - _stored);
        Delivered = 0;
        _progress.Clear();
        foreach (var (session, number) in _storedProgress)
        {
            _progress.Add(session, number);
        }

        _watermark = _nextOffset += 1_000;
    }

    public void Delete()
    {
        Exists = false;
        foreach (var end in _ends.Values.Where(end => !end.HasEnded))
        {
            end.HasEnded = true;
            _pushes.Add(end.Down(_watermark, [new EndedItem(end.Received > 0 ? LinkEnd.Deleted : LinkEnd.NoQueue)]));
        }
    }

    /// <summary>Everything so far is durable.</summary>
    public void Sync()
    {
        _watermark = _nextOffset;
        _stored = Enqueued.Count;
        _storedProgress = new(_progress);
        _pushes.AddRange(_ends.Values.Where(end => !end.HasEnded && end.Received > 0).Select(end => end.Down(_watermark, [])));
    }

    /// <summary>Pushes the next messages to whoever consumes; every queue's messages are the numbers from 0.</summary>
    public void Deliver(int count)
    {
        foreach (var end in _ends.Values.Where(end => !end.HasEnded && end.Consumer > 0))
        {
            var bodies = Enumerable.Range(Delivered, count).Select(number => $"{number}").ToArray();
            _pushes.Add(end.Down(_watermark, [new DeliveryItem(end.Consumer, [Messages.Slice(Delivered, bodies)])]));
            Delivered += count;
        }
    }

    public void Resend() => _pushes.AddRange(_ends.Values.SelectMany(end => end.Kept));

    /// <summary>One packet, answer or push moves, some way or other; faithfully when not <paramref name="unkind"/>.</summary>
    public void Move(bool unkind)
    {
        var fate = unkind ? random().Next(10) : 9;
        switch (random().Next(3))
        {
            case 0 when _calls.Count > 0:
                var (up, call) = Take(_calls);
                if (fate == 0)
                {
                    call.SetException(new TimeoutException("lost on the way"));
                    break;
                }

                var answer = Receive(up);
                if (fate == 1)
                {
                    call.SetException(new TimeoutException("answer lost"));
                    break;
                }

                _answers.Add((answer, call));
                break;
            case 1 when _answers.Count > 0:
                var (answered, caller) = Take(_answers);
                caller.SetResult(answered);
                break;
            case 2 when _pushes.Count > 0:
                var push = Take(_pushes);
                if (fate > 1)
                {
                    Assert.True(gateway().ReceiveAsync(push).IsCompletedSuccessfully);
                }

                if (fate == 2)
                {
                    _pushes.Add(push);
                }

                break;
        }
    }

    public ValueTask<QueueAnswer> DeclareAsync(QueueDeclaration declaration) => throw new NotSupportedException();

    public ValueTask<BrowseAnswer> BrowseAsync(ConnectionId by, string after, int most, int bytes) => throw new NotSupportedException();

    public ValueTask<QueueAnswer> DescribeAsync(ConnectionId by) => throw new NotSupportedException();

    public ValueTask<QueueAnswer> DeleteAsync(ConnectionId by, bool ifUnused, bool ifEmpty) => throw new NotSupportedException();

    public ValueTask<QueueAnswer> PurgeAsync(ConnectionId by) => throw new NotSupportedException();

    public ValueTask<QueuePlace> MoveAsync(SiloAddress silo) => throw new NotSupportedException();

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

    private LinkAnswer Receive(LinkUp up)
    {
        Assert.DoesNotContain(up.Link, _forgotten);
        if (up.Epoch != 0 && up.Epoch != _epoch)
        {
            return new LinkAnswer(0, [new LinkDown { Link = up.Link, Epoch = _epoch, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] }]);
        }

        if (up.IsLast)
        {
            Assert.True(_ends[up.Link].HasEnded);
            Assert.DoesNotContain(_calls, call => call.Up.Link == up.Link);
            _ends.Remove(up.Link);
            _forgotten.Add(up.Link);
            return default;
        }

        if (!_ends.TryGetValue(up.Link, out var end))
        {
            if (up.Number == 0)
            {
                return default;
            }

            _ends[up.Link] = end = new End(up.Link, _epoch);
            if (!Exists)
            {
                end.HasEnded = true;
                end.Down(0, [new EndedItem(LinkEnd.NoQueue)]);
            }
        }

        end.Kept.RemoveAll(down => down.Number <= up.ReceivedThrough);
        if (end.HasEnded || up.Number <= end.Received)
        {
            return new LinkAnswer(end.Received, [.. end.Kept]);
        }

        end.Early[up.Number] = up;
        var items = new List<LinkDownItem>();
        var before = end.Received;
        while (!end.HasEnded && end.Early.Remove(end.Received + 1, out var next))
        {
            end.Received++;
            Assert.Equal(next.Number == 1, next.Open is not null);
            if (next.Open is { } open)
            {
                (end.Session, end.Ordinal) = (open.Session, open.Ordinal);
                foreach (var other in _ends.Values.Where(other => other != end && other.Session == open.Session))
                {
                    // One of them is old: its packets were late.
                    (other.Ordinal < end.Ordinal ? other : end).HasEnded = true;
                }

                if (end.HasEnded)
                {
                    break;
                }

                // What an old link was given in vain comes again; what the session has taken it says.
                Delivered = 0;

                items.Add(open.Incarnation == default || open.Incarnation == _incarnation
                    ? new OpenedItem(_incarnation)
                    : throw new InvalidOperationException("Walks that lose activations delete no queues."));
            }

            foreach (var item in next.Items)
            {
                items.Add(Apply(end, item));
            }
        }

        return new LinkAnswer(end.Received, end.Received == before ? null : [end.Down(_watermark, [.. items])]);
    }

    private LinkDownItem Apply(End end, LinkUpItem item)
    {
        Assert.False(end.HasEnded, "An item behind the last one.");
        switch (item)
        {
            case PublishItem publish:
                var bodies = Messages.Bodies(publish.Batch);
                if (publish.Number <= _progress.GetValueOrDefault(end.Session))
                {
                    // It refuses now and then, and does not remember which messages.
                    Refused.UnionWith(bodies);
                    return new PublishedItem(_nextOffset, [.. Enumerable.Range(0, bodies.Length)]);
                }

                _progress[end.Session] = publish.Number;
                var refused = Enumerable.Range(0, bodies.Length).Where(_ => random().Next(20) == 0).ToArray();
                var published = new PublishedItem(_nextOffset, refused.Length == 0 ? null : refused);
                for (var i = 0; i < bodies.Length; i++)
                {
                    (refused.Contains(i) ? Refused : (ICollection<string>)Enqueued).Add(bodies[i]);
                }

                _nextOffset += bodies.Length - refused.Length;
                return published;
            case AttachItem attach:
                end.Consumer = attach.Consumer;
                return new AttachedItem(attach.Consumer, null);
            case WindowItem:
                return new OpenedItem(_incarnation);
            case HoldItem hold:
                Delivered = Math.Max(Delivered, (int)hold.Offsets.Max(range => range.End));
                return new OpenedItem(_incarnation);
            case SettleItem:
                return new OpenedItem(_incarnation);
            case CloseItem:
                end.HasEnded = true;
                return new ClosedItem();
            default:
                throw new NotSupportedException(item.GetType().Name);
        }
    }

    private T Take<T>(List<T> list)
    {
        lock (_gate)
        {
            var index = random().Next(list.Count);
            var taken = list[index];
            list.RemoveAt(index);
            return taken;
        }
    }

    private sealed class End(LinkId id, long epoch)
    {
        public SessionId Session { get; set; }

        public int Ordinal { get; set; }

        private long _number;

        public long Received { get; set; }

        public bool HasEnded { get; set; }

        public int Consumer { get; set; }

        public Dictionary<long, LinkUp> Early { get; } = [];

        public List<LinkDown> Kept { get; } = [];

        public LinkDown Down(long watermark, LinkDownItem[] items)
        {
            var down = new LinkDown { Link = id, Epoch = epoch, Number = ++_number, ReceivedThrough = Received, Watermark = watermark, Items = items };
            Kept.Add(down);
            return down;
        }

        public LinkDown Lost(long next) => new() { Link = id, Epoch = next, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] };
    }
}
