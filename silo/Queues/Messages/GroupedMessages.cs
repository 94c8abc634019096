using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Silo.Queues.Consumers;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// All messages that can be taken from a queue where those with one value of a header, a group, go to one consumer at a time (x-message-group). Messages that have to
/// wait for the holder of their group are looked past: they are set aside, up to a limit, so that those behind them are found without looking again.
/// </summary>
/// <param name="header">Messages without it are in no group.</param>
internal sealed class GroupedMessages(bool countsBodies, byte[] header) : IReadyMessages
{
    private const int MostAside = 10_000;
    private const long MostBytesAside = 4 * 1024 * 1024;

    private static readonly Comparer<MessageGroup> ByFirst = Comparer<MessageGroup>.Create(static (left, right) => left.FiledAt.CompareTo(right.FiledAt));

    private readonly Dictionary<byte[], MessageGroup> _groups = new(ByteKeyComparer.Instance);

    /// <summary>The group of each message that is given out, by its offset.</summary>
    private readonly Dictionary<long, MessageGroup> _out = [];

    /// <summary>Groups of which something is set aside.</summary>
    private readonly SortedSet<MessageGroup> _filed = new(ByFirst);

    /// <summary>Those of them of which nothing is out.</summary>
    private readonly SortedSet<MessageGroup> _free = new(ByFirst);

    /// <summary>Groups of which something is set aside, by the consumers that have the rest.</summary>
    private readonly Dictionary<Consumer, SortedSet<MessageGroup>> _waiting = [];

    private readonly List<MessageRun> _expired = [];
    private bool _countsBodies = countsBodies;

    /// <summary>When those that are set aside expire, and some that were. Null: none of them does.</summary>
    private PriorityQueue<(MessageGroup Group, long Offset), (long Due, long Offset)>? _dues;

    private long? _heldEnd;
    private int _aside;
    private long _asideBytes;
    private long _asideBodies;

    /// <summary>Those that were not looked past.</summary>
    public ReadyMessages Rest { get; } = new(countsBodies);

    /// <summary>This could be given out, but has to wait for the store.</summary>
    public void NoteHeld(in MessageRun message) => _heldEnd = Math.Max(_heldEnd ?? 0, message.First + 1);

    /// <summary>The end of what could have been given out in this turn but for the store; null: there was nothing.</summary>
    public long? TakeHeld()
    {
        var end = _heldEnd;
        _heldEnd = null;
        return end;
    }

    /// <summary>Whatever is left waits for the holder of its group.</summary>
    public bool IsBlocked { get; set; }

    /// <summary>Consumers that could be given messages which were set aside, if they had credit.</summary>
    public IReadOnlyCollection<Consumer> Holders => _waiting.Keys;

    public long Count => Rest.Count + _aside;

    public long Bytes => Rest.Bytes + _asideBytes;

    public long MemoryBytes => Rest.MemoryBytes + _asideBytes;

    public long BodyBytes => Rest.BodyBytes + (_countsBodies ? _asideBodies : 0);

    public long PagedCount => Rest.PagedCount;

    public bool IsEmpty => Count == 0;

    public long FirstOffset => Math.Min(Rest.FirstOffset, _filed.Min?.FiledAt ?? long.MaxValue);

    public bool NeedsTidy => Rest.NeedsTidy;

    public long NextDue => _dues?.TryPeek(out _, out var next) == true ? Math.Min(next.Due, Rest.NextDue) : Rest.NextDue;

    /// <summary>All of them in their order: none is set aside after that.</summary>
    public ReadyMessages Top
    {
        get
        {
            PutBack();
            return Rest;
        }
    }

    public IReadOnlyList<ReadyMessages> Lanes => [Top];

    public void CountBodies(bool isWanted)
    {
        PutBack();
        _countsBodies = isWanted;
        Rest.CountBodies(isWanted);
    }

    public void Append(in MessageRun run) => Rest.Append(run);

    public void AppendBack(in MessageRun run, long redeliveredBelow) => Rest.AppendBack(run, redeliveredBelow);

    /// <summary>They are set aside at once: whatever comes behind them in their groups is not to overtake them.</summary>
    public void Return(in MessageRun run)
    {
        if (!run.IsLoaded)
        {
            Rest.Return(run);
            return;
        }

        for (var rest = run; rest.Count > 0;)
        {
            var length = MessageRecord.LengthOf(rest.Records.Span);
            var message = rest.Head(1, length);
            rest = rest.After(1, length);
            if (FindGroup(message.Records.Span, isWanted: true) is { } group)
            {
                SetAside(message, group);
            }
            else
            {
                Rest.Return(message);
            }
        }
    }

    /// <summary>
    /// Finds the message that is to be given out next, which <see cref="Take"/> takes then: of a group that is free, or whose holder can take it, or of none. What has to
    /// wait on the way there is set aside.
    /// </summary>
    /// <param name="toHolders">Who has some of a group may be given more of it.</param>
    /// <param name="holder">Who has to be given it; null: anybody.</param>
    public bool TryFind(bool toHolders, out MessageRun message, out Consumer? holder)
    {
        (message, holder) = (default, null);
        while (Rest.IsLoaded && (_free.Min is not { } free || Rest.First.First < free.FiledAt))
        {
            var first = Rest.First;
            var length = MessageRecord.LengthOf(first.Records.Span);
            var group = FindGroup(first.Records.Span, isWanted: false);
            if (group is null or { Out: 0 } || (toHolders && IsNextFor(group, first.First)))
            {
                (message, holder) = (first.Head(1, length), group?.Out > 0 ? group.Holder : null);
                return true;
            }

            if (_aside >= MostAside || _asideBytes >= MostBytesAside)
            {
                break;
            }

            SetAside(Rest.Take(1, length), group);
        }

        if (_free.Min is not { } next)
        {
            return false;
        }

        message = next.Aside[0];
        return true;
    }

    /// <summary>The message that a consumer with credit is to be given of what was set aside.</summary>
    public bool TryFindFor(Consumer holder, out MessageRun message)
    {
        var isThere = _waiting.TryGetValue(holder, out var groups);
        message = isThere ? groups!.Min!.Aside[0] : default;
        return isThere;
    }

    /// <summary>Takes a message that was found, for one who will settle it later.</summary>
    /// <param name="by">Null: somebody who gets single messages.</param>
    /// <param name="isSettled">It is done with at once.</param>
    public MessageRun Take(in MessageRun found, Consumer? by, bool isSettled)
    {
        var group = FindGroup(found.Records.Span, isWanted: !isSettled);
        MessageRun taken;
        if (group is { Aside.Count: > 0 } && group.Aside[0].First == found.First)
        {
            taken = group.Aside.RemoveFirst();
            Note(taken, -1);
        }
        else
        {
            taken = Rest.Take(1, found.Length);
        }

        if (group is not null)
        {
            if (!isSettled)
            {
                Hold(taken.First, group, by);
            }

            File(group);
        }

        return taken;
    }

    /// <summary>An earlier activation gave these out.</summary>
    public void Hold(in MessageRun run, Consumer? by)
    {
        var records = run.Records.Span;
        for (var offset = run.First; offset < run.End && !records.IsEmpty; offset++)
        {
            if (FindGroup(records, isWanted: true) is { } group)
            {
                Hold(offset, group, by);
                File(group);
            }

            records = records[MessageRecord.LengthOf(records)..];
        }
    }

    /// <summary>What was given out is done with, or about to come back.</summary>
    public void Settled(in MessageRun run)
    {
        for (var offset = run.First; offset < run.End; offset++)
        {
            if (_out.Remove(offset, out var group))
            {
                group.Out--;
                File(group);
            }
        }
    }

    public bool Expire(long limit)
    {
        while (_dues?.TryPeek(out var next, out var at) == true && at.Due < limit)
        {
            _dues.Dequeue();
            if (next.Group.TryTakeAside(next.Offset, out var message))
            {
                _expired.Add(message);
                Note(message, -1);
                File(next.Group);
            }
        }

        return Rest.Expire(limit);
    }

    public MessageRun[] TakeExpired()
    {
        var expired = Rest.TakeExpired();
        if (_expired.Count > 0)
        {
            expired = [.. _expired, .. expired];
            _expired.Clear();
        }

        return expired;
    }

    public void EndTurn() => Rest.EndTurn();

    public void Tidy(long now) => Rest.Tidy(now);

    public long Clear(Action<long, long>? gone) => Top.Clear(gone);

    public void AddLoaded(List<MessageRun> runs) => Top.AddLoaded(runs);

    public void PageOut(long budget, long storedEnd, bool isDurable, long redeliveredBelow, List<MessageRun> copies) =>
        Rest.PageOut(Math.Max(0, budget - _asideBytes), storedEnd, isDurable, redeliveredBelow, copies);

    public PageRequest? NextLoad() => Rest.NextLoad();

    public long Load(PageRequest request, MessageRun[]? runs, long redeliveredBelow, long now) => Rest.Load(request, runs, redeliveredBelow, now);

    private static bool IsNextFor(MessageGroup group, long offset) => group.Holder is { IsAble: true, Ring: not null } && (group.Aside.Count == 0 || offset < group.Aside[0].First);

    /// <summary>The group of the first of these records; null: it is in none, or in one that is not there.</summary>
    /// <param name="isWanted">One that is not there is made.</param>
    private MessageGroup? FindGroup(ReadOnlySpan<byte> records, bool isWanted)
    {
        if (!BasicPropertiesView.Read(new MessageRecord(records).Properties).TryGetHeaders(out var headers))
        {
            return null;
        }

        var reader = new FieldTableReader(headers);
        if (!reader.MoveTo(header) || reader.Kind == FieldKind.Void)
        {
            return null;
        }

        var length = HeaderKey.LengthOf(reader);
        Span<byte> key = length <= HeaderKey.LongestOnStack ? stackalloc byte[length] : new byte[length];
        HeaderKey.Write(reader, key);
        if (!_groups.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(key, out var group) && isWanted)
        {
            group = new MessageGroup(key.ToArray());
            _groups.Add(group.Key, group);
        }

        return group;
    }

    private void Hold(long offset, MessageGroup group, Consumer? by)
    {
        _out.Add(offset, group);
        group.Out++;
        group.Holder = by;
    }

    // In memory of its own: it may stay for long, and must not keep the array of its batch.
    private void SetAside(in MessageRun message, MessageGroup group)
    {
        var own = LargeRecord.Of(message.Records) is not null || MessageRun.PinnedBy(message.Records) == message.Length ? message : message with { Records = message.Records.ToArray() };
        Note(own, 1);
        group.SetAside(own);
        File(group);
        if (own.Due != MessageRun.Never)
        {
            NoteDue(own, group);
        }
    }

    private void NoteDue(in MessageRun message, MessageGroup group)
    {
        _dues ??= new PriorityQueue<(MessageGroup Group, long Offset), (long Due, long Offset)>();
        if (_dues.Count < 2 * MostAside)
        {
            _dues.Enqueue((group, message.First), (message.Due, message.First));
            return;
        }

        // Most of these have been given out since, or come back after that.
        _dues.Clear();
        foreach (var filed in _filed)
        {
            for (var i = 0; i < filed.Aside.Count; i++)
            {
                if (filed.Aside[i].Due != MessageRun.Never)
                {
                    _dues.Enqueue((filed, filed.Aside[i].First), (filed.Aside[i].Due, filed.Aside[i].First));
                }
            }
        }
    }

    private void Note(in MessageRun message, int sign)
    {
        _aside += sign;
        _asideBytes += sign * message.Length;
        _asideBodies += _countsBodies ? sign * message.BodyLength() : 0;
    }

    private void PutBack()
    {
        if (_aside == 0)
        {
            return;
        }

        foreach (var group in _groups.Values.Where(static group => group.Aside.Count > 0).ToArray())
        {
            while (group.Aside.Count > 0)
            {
                Rest.Return(group.Aside.RemoveFirst());
            }

            File(group);
        }

        (_aside, _asideBytes, _asideBodies) = (0, 0, 0);
    }

    /// <summary>Puts a group where it belongs after a change.</summary>
    private void File(MessageGroup group)
    {
        Unfile(group);
        if (group.Out == 0)
        {
            group.Holder = null;
        }

        if (group.Aside.Count == 0)
        {
            if (group.Out == 0)
            {
                _groups.Remove(group.Key);
            }

            return;
        }

        group.FiledAt = group.Aside[0].First;
        _filed.Add(group);
        if (group.Out == 0)
        {
            _free.Add(group);
        }
        else if (group.Holder is { IsGone: false } holder)
        {
            group.WaitsFor = holder;
            if (!_waiting.TryGetValue(holder, out var groups))
            {
                _waiting.Add(holder, groups = new SortedSet<MessageGroup>(ByFirst));
            }

            groups.Add(group);
        }
    }

    private void Unfile(MessageGroup group)
    {
        if (group.FiledAt < 0)
        {
            return;
        }

        _filed.Remove(group);
        if (group.WaitsFor is { } holder)
        {
            var groups = _waiting[holder];
            groups.Remove(group);
            if (groups.Count == 0)
            {
                _waiting.Remove(holder);
            }
        }
        else
        {
            // If it is there.
            _free.Remove(group);
        }

        (group.FiledAt, group.WaitsFor) = (-1, null);
    }
}
