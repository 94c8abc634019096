using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Exchanges;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Streams;

namespace Granary.Silo.Queues;

/// <summary>
/// The place of one name: the queue of that name if there is one, and the links to it, which outlive it. A grain calls it with its clock's
/// milliseconds and then pushes <see cref="Pushes"/> and has <see cref="Dead"/> dead-lettered.
/// </summary>
/// <param name="epoch">Of the activation.</param>
/// <param name="create">Makes the storage of a queue that is declared; null keeps it in memory.</param>
/// <param name="register">Sessions that the store has to know before they are given anything of a durable queue; null: it need not know.</param>
/// <param name="settings">What a queue goes by; null: by its arguments alone.</param>
/// <param name="ended">Told in the turn in which a queue is deleted, when it is no longer in its place: what is stored of it is to be deleted, and its bindings, if it may have any.</param>
internal sealed partial class QueueSlot(
    string vhost, string name, long epoch, Func<QueueDefinition, Guid, QueueStorage?>? create = null, Action<IDeclaredQueue, BindingDebt?>? ended = null, SessionRegister? register = null,
    Func<QueueDefinition, QueueSettings>? settings = null)
{
    private readonly LinkTable _links = new(epoch);

    /// <summary>An earlier activation had the queue: what it was sent and did not answer it may have given on.</summary>
    private bool _isRestored;

    /// <summary>Null: nobody was.</summary>
    private TurnedAway? _turnedAway;

    private IDeclaredQueue? _queue;

    /// <summary>Packets to be pushed to gateways; the caller empties it.</summary>
    public List<Push> Pushes { get; } = [];

    /// <summary>Messages to be dead-lettered; the caller empties it.</summary>
    public List<DeadRun> Dead { get; } = [];

    /// <summary>When <see cref="RunDue"/> has something to do, or <see cref="MessageRun.Never"/>.</summary>
    public long NextDue => Math.Min(_queue?.NextDue ?? MessageRun.Never, _isExclusiveWaiting ? _mayBeExclusiveFrom : MessageRun.Never);

    public IDeclaredQueue? Declared => _queue;

    /// <summary>Null: there is none, or it is a stream.</summary>
    public Queue? Queue => _queue as Queue;

    /// <summary>Null: there is none, or it is an ordinary queue.</summary>
    public StreamQueue? Stream => _queue as StreamQueue;

    public SessionRegister? Register => register;

    /// <summary>Sessions that have consumers here, or hold something.</summary>
    public IReadOnlyCollection<SessionId> Sessions =>
    [
        .. _links.Living.Where(link => link.IsOpen && (link.Consumers.Count > 0 || link.Unacked.Count > 0)).Select(link => link.Session)
            .Union(_queue?.Awaited ?? []),
    ];

    /// <summary><see cref="Sessions"/> with the members that have their connections.</summary>
    public IEnumerable<(SessionId Session, string? Member)> SessionMembers =>
        _links.Living.Where(link => link.IsOpen && (link.Consumers.Count > 0 || link.Unacked.Count > 0)).Select(link => (link.Session, link.Connection.Member))
            .Concat(
                from session in _queue?.Awaited ?? []
                let member = register?.MemberOf(session)
                where register is null || member is not null
                select (session, member))
            .DistinctBy(static session => session.Item1);

    public long Epoch => epoch;

    /// <summary>Nothing would be lost if this were forgotten.</summary>
    public bool IsEmpty => _queue is null && _links.IsEmpty;

    /// <summary><see cref="Tick"/> has, or may soon have, something to do.</summary>
    public bool NeedsTick => _links.NeedsTick || _queue is { NeedsTidy: true } || _prepared.NeedsTick;

    public QueueAnswer Declare(QueueDeclaration declaration, Guid incarnation, long now)
    {
        if (_queue is not null)
        {
            _queue.Use(now);
            return _queue.Definition.CheckEquivalence(declaration) is { } difference ? QueueAnswer.Refused(difference) : _queue.Describe();
        }

        var (definition, error) = QueueDefinition.From(vhost, name, declaration);
        if (definition is null)
        {
            return QueueAnswer.Refused(error!);
        }

        _queue = Make(definition, incarnation, create?.Invoke(definition, incarnation));
        _queue.Use(now);
        EndTurn(caller: null, _queue, deleted: false, now);
        return _queue.Describe();
    }

    /// <summary>Puts a queue in place that an earlier activation had.</summary>
    /// <param name="sessions">That had something of it: they are waited for.</param>
    /// <param name="patience">For how long, in milliseconds.</param>
    public void Restore(
        QueueDefinition definition, Guid incarnation, IEnumerable<string> bindingSources, QueueStorage? storage, long usedAt, SessionId[] sessions, long now,
        long patience = Recovery.Patience)
    {
        _isRestored = true;
        _queue = Make(definition, incarnation, storage);
        _queue.Use(usedAt);
        _queue.Await(sessions, now + patience);
        foreach (var source in bindingSources)
        {
            _queue.AddBindingSource(source);
        }
    }

    public QueueAnswer Describe(ConnectionId by, long now)
    {
        if (CheckAccess(by) is { } error)
        {
            return QueueAnswer.Refused(error);
        }

        _queue!.Use(now);
        return _queue.Describe();
    }

    public QueueAnswer AddBindingSource(ConnectionId by, string exchange)
    {
        if (CheckAccess(by) is { } error)
        {
            return QueueAnswer.Refused(error);
        }

        _queue!.AddBindingSource(exchange);
        return _queue.Describe();
    }

    public QueueAnswer Purge(ConnectionId by, long now)
    {
        if ((CheckAccess(by) ?? _queue!.Definition.CheckPurge()) is { } error)
        {
            return QueueAnswer.Refused(error);
        }

        var answer = _queue!.Describe() with { Messages = _queue.Purge() };
        EndTurn(caller: null, _queue, deleted: false, now);
        return answer;
    }

    public QueueAnswer Delete(ConnectionId by, bool ifUnused, bool ifEmpty, long now)
    {
        if (_queue is null)
        {
            return default;
        }

        var error = _queue.Definition.CheckAccess(by)
            ?? _queue.Definition.CheckDelete(ifUnused, ifEmpty, _queue.ConsumerCount, _queue.ReadyCount);
        if (error is not null)
        {
            return QueueAnswer.Refused(error);
        }

        var answer = _queue.Describe();
        EndTurn(caller: null, _queue, deleted: true, now);
        return answer;
    }

    /// <summary>Deletes the queue, if there is one, whosever it is.</summary>
    public QueueAnswer Remove(long now)
    {
        if (_queue is null)
        {
            return default;
        }

        var answer = _queue.Describe();
        EndTurn(caller: null, _queue, deleted: true, now);
        return answer;
    }

    /// <summary>Takes one packet of a link, and with it all that waited for it.</summary>
    /// <param name="local">The gateway's end, when it is in this process.</param>
    public LinkAnswer Send(LinkUp packet, long now, ILocalLink? local = null)
    {
        if (packet.Epoch > epoch)
        {
            // Meant for an activation that followed: not ours to answer.
            return default;
        }

        if (packet.Epoch != 0 && packet.Epoch != epoch)
        {
            return Lost(packet);
        }

        var link = _links.Find(packet.Link);
        if (packet.IsLast)
        {
            if (link is { HasEnded: true })
            {
                _links.Forget(link);
                Advance(now);
            }

            return default;
        }

        if (link is null && (_queue is null || (packet.Number == 1 && _turnedAway?.Has(packet.Link) == true)))
        {
            return NoQueue(packet, now);
        }

        if (link is null)
        {
            if (packet.Number == 0)
            {
                return default;
            }

            link = _links.Add(packet.Link, now);
        }

        link.Local ??= local;
        if (packet is { Number: 1, Open: null })
        {
            throw new ArgumentException("The first packet of a link opens it.", nameof(packet));
        }

        link.Down.Acknowledge(packet.ReceivedThrough);
        if (link.HasEnded || packet.Number <= link.Up.ReceivedThrough)
        {
            // The gateway asks, or has not had our answer.
            return new LinkAnswer(link.Up.ReceivedThrough, link.Down.TakeAll(now));
        }

        link.Up.Add(packet);
        var down = _queue is null ? null : Apply(link, _queue, now);
        return new LinkAnswer(link.Up.ReceivedThrough, down is null ? null : [down]);
    }

    /// <summary>The answer to a packet when the links of this activation, or of the earlier one that it was meant for, are lost.</summary>
    public LinkAnswer Lost(LinkUp packet, LinkEnd reason = LinkEnd.Lost) => new(0, [Last(packet.Link, Math.Max(epoch, packet.Epoch + 1), reason)]);

    /// <summary>The activation ends without having done what it had begun: its links are told, by <see cref="Pushes"/>, and nothing else is.</summary>
    public void LoseLinks(long now)
    {
        Pushes.Clear();
        foreach (var link in _links.Living)
        {
            if (link.Opener is { } opener)
            {
                // Of a higher epoch, so that it waits for no packet of this one.
                Pushes.Add(new Push(opener.Observer, Last(link.Id, epoch + 1, LinkEnd.Lost), link.Local) { Member = opener.Connection.Member });
            }

            link.End(now);
        }
    }

    /// <summary>A member of the cluster is gone: its consumers go, what they held is requeued, and queues that were its clients' own go with them.</summary>
    public void LetGo(string member, long now)
    {
        if (_queue is not { } queue)
        {
            return;
        }

        _prepared.Hasten(member);
        foreach (var session in register?.Of(member) ?? [])
        {
            queue.AwaitNoMore(session);
            register!.End(session);
        }

        foreach (var link in _links.Living.Where(link => (link.Opener ?? link.Up.Peek()?.Open)?.Connection.Member == member).ToArray())
        {
            if (link.IsOpen)
            {
                queue.Apply(link, new CloseItem(), now);
            }
            else
            {
                // What opens it waits for the store.
                link.End(now);
            }

            _links.Forget(link);
        }

        EndTurn(caller: null, queue, queue.IsDoomed || queue.Definition.Owner?.Member == member, now);
    }

    /// <summary>Has the queue go by what holds for it now.</summary>
    public void ApplySettings(long now)
    {
        if (_queue is { } queue && queue.Apply(SettingsOf(queue.Definition), now))
        {
            EndTurn(caller: null, queue, deleted: false, now);
        }
    }

    /// <summary>To be called every second or so while <see cref="NeedsTick"/>.</summary>
    public void Tick(long now)
    {
        _links.Tick(now, Pushes);
        _prepared.Tick(now);
        _queue?.Tidy(now);
    }

    /// <summary>Does what is due by now.</summary>
    public void RunDue(long now)
    {
        EndExclusiveWait(now);
        if (_queue is { } queue && queue.NextDue <= now)
        {
            EndTurn(caller: null, queue, queue.HasExpired(now), now);
        }
    }

    /// <summary>Something moved that the queue waited for: what is stored, or what was read back.</summary>
    public void Advance(long now)
    {
        if (_queue is { } queue)
        {
            EndTurn(caller: null, queue, deleted: false, now);
        }
    }

    private IDeclaredQueue Make(QueueDefinition definition, Guid incarnation, QueueStorage? storage) => definition.Type == QueueTypes.Stream
        ? new StreamQueue(definition, SettingsOf(definition), incarnation, storage)
        : new Queue(definition, SettingsOf(definition), incarnation, Dead, storage);

    private QueueSettings SettingsOf(QueueDefinition definition) => settings?.Invoke(definition) ?? definition.Settings;

    private LinkDown? Apply(QueueLink link, IDeclaredQueue queue, long now)
    {
        var applied = false;
        while (!link.HasEnded && link.Up.Peek() is { } next && !HasToWait(link, queue, next, now) && link.Up.TryTake(out var packet))
        {
            applied = true;
            if (packet.Open is { } opener)
            {
                link.Open(opener);
                if (opener.Incarnation != default && opener.Incarnation != queue.Incarnation)
                {
                    // It goes on from a queue that is gone: what it says is not meant for the one declared since.
                    link.Send(new EndedItem(LinkEnd.Deleted));
                    link.End(now);
                    break;
                }

                if (!queue.TryOpen(link, now))
                {
                    break;
                }
            }

            var mayBeSeen = _isRestored && packet.Open is { IsRepeated: true };
            foreach (var item in packet.Items)
            {
                queue.Apply(link, mayBeSeen && item is PublishItem publish ? publish with { Resent = true, WasTaken = false } : item, now);
            }

            if (link.HasEnded)
            {
                register?.End(link.Session);
            }
        }

        if (!applied)
        {
            return null;
        }

        link.Touch();
        return EndTurn(link, queue, queue.IsDoomed, now);
    }

    /// <summary>Ends a turn of the queue, and the queue itself if it was deleted in it.</summary>
    private LinkDown? EndTurn(QueueLink? caller, IDeclaredQueue queue, bool deleted, long now)
    {
        foreach (var link in _links.TakeForgotten())
        {
            queue.Forget(link);
            if (link.State?.Link == link)
            {
                register?.End(link.Session);
            }
        }

        if (!deleted && !queue.Recover(now))
        {
            queue.EndTurn(now);
            NoteCommitted();
            queue.AdvanceWatermark(queue.StoredThrough);
            var said = _links.EndTurn(caller, queue.Watermark, queue.Turn, now, Pushes);
            if (_links.HasWaiting)
            {
                queue.Storage?.Journal.Hurry();
            }

            return said;
        }

        End(queue, now);
        queue.AdvanceWatermark(queue.NextOffset);
        var last = _links.EndTurn(caller, queue.Watermark, default, now, Pushes);
        _links.ForgetWatermark();
        return last;
    }

    private void End(IDeclaredQueue queue, long now)
    {
        foreach (var link in _links.Living)
        {
            link.Send(new EndedItem(link.IsOpen ? LinkEnd.Deleted : LinkEnd.NoQueue));
            link.End(now);
        }

        _queue = null;
        (_mayBeExclusiveFrom, _isExclusiveWaiting) = (0, false);
        foreach (var session in register?.Known.ToArray() ?? [])
        {
            register!.End(session);
        }

        ended?.Invoke(queue, queue.BindingSources.Count == 0
            ? null
            : new BindingDebt(new Destination(DestinationKind.Queue, name, queue.Incarnation), [.. queue.BindingSources]));
        _prepared.Clear();
    }

    private LinkAnswer NoQueue(LinkUp packet, long now)
    {
        if (packet.Number == 0)
        {
            return default;
        }

        if (packet.Number == 1)
        {
            (_turnedAway ??= new TurnedAway()).Add(packet.Link, now);
            return new LinkAnswer(0, [Ended(packet.Link)]);
        }

        // Its first packet is still under way. It must not open the link, even if there is a queue by then.
        var link = _links.Add(packet.Link, now);
        link.End(now);
        return new LinkAnswer(0, [link.Down.Add([new EndedItem(LinkEnd.NoQueue)], 0, 0, default, now)]);
    }

    private LinkDown Ended(LinkId link) => Last(link, epoch, LinkEnd.NoQueue);

    private static LinkDown Last(LinkId link, long epoch, LinkEnd reason) => new() { Link = link, Epoch = epoch, Number = 1, Items = [new EndedItem(reason)] };

    private BrokerError? CheckAccess(ConnectionId by) => _queue is null ? BrokerError.NoQueue(vhost, name) : _queue.Definition.CheckAccess(by);
}
