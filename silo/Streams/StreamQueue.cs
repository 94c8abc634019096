using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Figures;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Streams;

/// <summary>
/// One declared stream: messages stay until they are too old or too many, and any number of consumers read them, each from where it wants. It speaks with gateways
/// as a queue does; an acknowledgement only makes room for more. It gives out only what is stored, so that offsets which nobody was given can be given again after a crash.
/// </summary>
internal sealed partial class StreamQueue : IDeclaredQueue
{
    private readonly StreamTail _tail = new();
    private readonly StreamSegments _segments;
    private readonly List<StreamCursor> _cursors = [];
    private readonly Dictionary<QueueLink, long> _unacked = [];
    private readonly HashSet<string> _bindingSources = new(StringComparer.Ordinal);
    private readonly List<MessageRun> _runs = [];
    private readonly List<MessageRun> _whole = [];
    private readonly List<StreamRead> _reads = [];
    private readonly List<StreamRead> _reading = [];
    private readonly StreamBlocks _blocks = new();
    private readonly QueueStorage? _storage;
    private readonly SessionTable _sessions;
    private readonly PublisherAnswers _answers;
    private QueueSettings _settings;
    private long _first;
    private long _nextOffset;
    private long _lastBatch;

    /// <param name="storage">Where it is stored, and what is there already; null keeps all in memory.</param>
    public StreamQueue(QueueDefinition definition, QueueSettings settings, Guid incarnation, QueueStorage? storage)
    {
        (Definition, _settings, Incarnation, _storage) = (definition, settings, incarnation, storage);
        Figures = new QueueFigures(definition);
        _segments = new StreamSegments(settings.Stream!);
        _sessions = new SessionTable(storage?.Journal);
        _answers = new PublisherAnswers(storage?.Journal);
        if (storage is not null)
        {
            Recover(storage.Backlog);
        }
    }

    public QueueDefinition Definition { get; }

    public Guid Incarnation { get; }

    public QueueFigures Figures { get; }

    /// <summary>All messages that are there: offsets follow each other.</summary>
    public long ReadyCount => _nextOffset - _first;

    public int ConsumerCount => _cursors.Count;

    public bool IsDoomed => false;

    public long Watermark { get; private set; }

    public long NextOffset => _nextOffset;

    public IReadOnlyCollection<string> BindingSources => _bindingSources;

    public long NextDue => MessageRun.Never;

    public bool NeedsTidy => _sessions.Earlier.Count > 0;

    private string Kind => $"queue '{Definition.Name}' in vhost '{Definition.Vhost}'";

    public void Use(long now)
    {
        // It never expires.
    }

    public bool HasExpired(long now) => false;

    public QueueAnswer Describe() => new(null, ReadyCount, ConsumerCount, Incarnation, Definition.Durable);

    public void AddBindingSource(string exchange) => _bindingSources.Add(exchange);

    public void AdvanceWatermark(long offset) => Watermark = Math.Max(Watermark, offset);

    public bool TryOpen(QueueLink link, long now)
    {
        if (!TryJoin(link, now))
        {
            return false;
        }

        link.Send(new OpenedItem(Incarnation, _settings.ConsumerTimeout));
        return true;
    }

    public bool Apply(QueueSettings settings, long now)
    {
        var before = _settings;
        if (settings == before)
        {
            return false;
        }

        (_settings, _segments.Settings) = (settings, settings.Stream!);
        DropBelow(_segments.Trim(now));
        foreach (var session in _sessions.All.Where(session => settings.ConsumerTimeout != before.ConsumerTimeout && !session.Link.HasEnded))
        {
            session.Link.Send(new OpenedItem(Incarnation, settings.ConsumerTimeout));
        }

        return true;
    }

    public void Apply(QueueLink link, LinkUpItem item, long now)
    {
        switch (item)
        {
            case PublishItem publish:
                Publish(link, publish, now);
                break;
            case SettleItem settle:
                Settle(link, settle);
                break;
            case WindowItem window:
                Find(link, window.Consumer)?.Renew(window.Window);
                break;
            case PrefetchItem prefetch when Find(link, prefetch.Consumer) is { } cursor:
                cursor.Prefetch = prefetch.Prefetch;
                break;
            case LendItem lend:
                // A limit that the channel got after it began to consume does not hold it up.
                link.Send(new UnusedItem(lend.Consumer, lend.Count));
                break;
            case GetItem get:
                link.Send(new GotItem(get.Request, null, 0, new BrokerError(ReplyCode.NotImplemented, $"basic.get not supported by stream queues {Kind}")));
                break;
            case AttachItem attach:
                Attach(link, attach, now);
                break;
            case HoldItem hold:
                Hold(link, hold);
                break;
            case DetachItem detach:
                Detach(link, detach.Consumer);
                link.Send(new DetachedItem(detach.Consumer));
                break;
            case CloseItem:
                LetGo(link);
                link.Send(new ClosedItem());
                link.End(now);
                break;
        }
    }

    /// <summary>Hands over what is to be stored, and gives out what is.</summary>
    public void EndTurn(long now)
    {
        StoreTurn();
        var stored = StoredThrough;
        foreach (var cursor in _cursors)
        {
            Deliver(cursor, stored);
        }

        Trim(stored);
        _answers.EndTurn(IsShortOfMemory, _nextOffset);
        (Figures.Ready, Figures.Consumers, Figures.ReadyBytes) = (ReadyCount, ConsumerCount, (_segments.Bytes, _tail.Bytes));
    }

    public long Purge() => 0;

    public void Tidy(long now) => _sessions.ForgetEarlier(now);

    private void Publish(QueueLink link, PublishItem publish, long now)
    {
        if (TryRecognise(link, publish))
        {
            return;
        }

        var batch = publish.Batch;
        Answer(link, new PublishedItem(_nextOffset, null));
        Figures.Add(QueueCount.Publish, batch.Count);
        Append(batch, now);
        link.PublishedEnd = _nextOffset;
        NoteTaken(link, publish);
    }

    private void Append(in MessageBatch batch, long now)
    {
        _tail.Append(batch, _nextOffset, now, _runs, _whole);
        _lastBatch = _nextOffset;
        _nextOffset += batch.Count;
        foreach (var run in _runs)
        {
            _storage?.Journal.Append(run);
            if (_segments.Append(run.First, run.Length, now))
            {
                DropBelow(_segments.Trim(now));
            }
        }

        _runs.Clear();
    }

    /// <summary>Whole segments are gone.</summary>
    private void DropBelow(long first)
    {
        if (first > _first)
        {
            _storage?.Journal.Settle(_first, first);
            _first = first;
        }
    }

    private void Settle(QueueLink link, SettleItem settle)
    {
        foreach (var range in settle.Offsets)
        {
            var count = Math.Min(range.Count, _unacked.GetValueOrDefault(link));
            _unacked[link] = _unacked.GetValueOrDefault(link) - count;
            if (Find(link, StreamOffsets.ConsumerOf(range.First)) is { } cursor)
            {
                cursor.Unacked = Math.Max(cursor.Unacked - count, 0);
            }

            Figures.Settle(settle.Settlement, count);
        }
    }

    /// <summary>What an earlier activation gave a consumer that goes on here takes its room until it is settled.</summary>
    private void Hold(QueueLink link, HoldItem hold)
    {
        foreach (var range in hold.Offsets)
        {
            _unacked[link] = _unacked.GetValueOrDefault(link) + range.Count;
            Figures.Hold(range.Count);
            if (Find(link, StreamOffsets.ConsumerOf(range.First)) is { } cursor)
            {
                cursor.Unacked += range.Count;
            }
        }
    }

    private void Deliver(StreamCursor cursor, long stored)
    {
        if (cursor.Position >= 0 && cursor.Position < _first)
        {
            cursor.MoveTo(_first);
        }

        var given = 0L;
        var wasAble = cursor.IsAble;
        while (cursor.IsAble && cursor.Position < stored && (cursor.TryPeek(_tail, out var run) || (TryShare(cursor, stored) && cursor.TryPeek(_tail, out run))))
        {
            var count = (int)Math.Min(Math.Min(run.Count, stored - run.First), cursor.Credit);
            given += cursor.Filter is { } filter ? GiveFiltered(cursor, filter, run, count) : Give(cursor, run, count);
        }

        if (cursor.HasDeliveries)
        {
            _unacked[cursor.Link] = _unacked.GetValueOrDefault(cursor.Link) + given;
            Figures.Give(QueueCount.Deliver, given, isRedelivered: false);
            cursor.Link.Send(cursor.TakeDeliveries());
        }

        ReadAhead(cursor, wasAble, stored);
    }

    private static int Give(StreamCursor cursor, in MessageRun run, int count)
    {
        cursor.Give(run, count);
        return count;
    }

    /// <summary>Gives the next messages that are wanted, up to the first that is not, or passes over some that are not.</summary>
    private static int GiveFiltered(StreamCursor cursor, StreamFilter filter, in MessageRun run, int most)
    {
        var records = run.Records.Span;
        var (count, isWanted) = (0, false);
        while (count < most)
        {
            var record = new MessageRecord(records);
            var takes = filter.Takes(record);
            if (count > 0 && takes != isWanted)
            {
                break;
            }

            isWanted = takes;
            count++;
            records = records[record.Length..];
        }

        if (isWanted)
        {
            return Give(cursor, run, count);
        }

        cursor.Skip(run, count);
        return 0;
    }
}
