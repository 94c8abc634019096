using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Activation;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues.Walks;

/// <summary>One queue with arguments at random, and what happens to it at random, against <see cref="WalkQueue"/>.</summary>
/// <param name="seed">Says all that happens.</param>
/// <param name="commit">Where the queue is stored.</param>
internal sealed class WideWalk(int seed, GroupCommit commit)
{
    private const int MostTold = 40;

    private readonly Random _random = new(seed);
    private readonly Queue<string> _told = new();
    private readonly Dictionary<TestLink, int> _seen = [];
    private QueueStores _stores = null!;
    private TestGateway _gateway = null!;
    private WalkQueue _model = null!;
    private TestLink _link = null!;
    private TestLink _other = null!;
    private bool _isStored;
    private bool _isGrouped;
    private bool _isPaged;

    // What a consumer could have but for the store, which has to know first that it may have been delivered, can be dropped meanwhile: limits go without consumers.
    private bool _isLimited;
    private long _nextId;
    private int _lastConsumer;
    private int _lastGet;
    private int _duplicates;

    /// <exception cref="InvalidOperationException">The queue is not as it should be; says the seed, the arguments and what happened last.</exception>
    public async Task RunAsync(int operations)
    {
        var arguments = Begin();
        try
        {
            for (var i = 0; i < operations; i++)
            {
                await StepAsync();
            }

            await FinishAsync();
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"Walk {seed} with {arguments}, last of all:\n{string.Join('\n', _told)}\n{exception.Message}", exception);
        }
    }

    private string Begin()
    {
        _isStored = Chance(2);
        _isPaged = Chance(2);
        _stores = new QueueStores(commit, commit, new MemoryBudget(_isPaged ? 20_000 : long.MaxValue, long.MaxValue));
        var isQuorum = Chance(2);
        _isStored |= isQuorum;
        _isGrouped = Chance(4);
        Dictionary<string, FieldValue> all = [];
        void Maybe(int cases, string name, FieldValue value)
        {
            if (Chance(cases))
            {
                all.Add(name, value);
            }
        }

        all.Add("x-queue-type", isQuorum ? "quorum" : "classic");
        _isLimited = Chance(2);
        Maybe(_isLimited ? 2 : int.MaxValue, "x-max-length", _random.Next(30));
        Maybe(_isLimited ? 3 : int.MaxValue, "x-max-length-bytes", _random.Next(20_000));
        Maybe(3, "x-overflow", Chance(3) ? "drop-head" : Chance(2) ? "reject-publish" : "reject-publish-dlx");
        Maybe(3, "x-dead-letter-exchange", "dlx");
        Maybe(4, "x-single-active-consumer", true);
        Maybe(4, "x-message-deduplication", true);
        Maybe(8, "x-cache-size", _random.Next(1, 10));
        Maybe(8, "x-cache-ttl", _random.Next(1, 200));
        if (isQuorum)
        {
            Maybe(3, "x-delivery-limit", _random.Next(4));
            Maybe(4, "x-dead-letter-strategy", "at-least-once");
        }

        if (_isGrouped)
        {
            all.Add("x-message-group", "group");
        }
        else if (!isQuorum)
        {
            Maybe(3, "x-max-priority", _random.Next(6));
        }

        Maybe(4, "x-message-ttl", Lifetime(200));

        if (all.TryGetValue("x-overflow", out _) && all.ContainsKey("x-dead-letter-strategy"))
        {
            all.Remove("x-dead-letter-strategy");
        }

        _gateway = new TestGateway(_stores).Declare(durable: _isStored, arguments: EncodedTable.From(FieldTable.Of([.. all.Select(static entry => (entry.Key, entry.Value))])));
        _model = new WalkQueue(_gateway.Queue.Definition.Type, _gateway.Queue.Definition.Settings);
        Open();
        return string.Join(", ", all.Select(static entry => $"{entry.Key}={entry.Value}"));
    }

    private void Open()
    {
        _seen.Clear();
        foreach (var link in new[] { _link = _gateway.Open(), _other = _gateway.Open() })
        {
            _seen[link] = link.Items.Count;
        }
    }

    private async Task StepAsync()
    {
        switch (_random.Next(40))
        {
            case < 14:
                Publish();
                break;
            case < 18:
                Get();
                break;
            case < 30:
                Settle();
                break;
            case < 33 when _model.Consumers.Count < 4 && !_isLimited:
                Attach();
                break;
            case < 35 when _model.Consumers.Count > 0:
                Detach();
                break;
            case < 36:
                Tell("purge");
                Assert.Equal(_model.Purge(), _gateway.Slot.Purge(_gateway.Connection, _gateway.Now).Messages);
                _gateway.DeliverPushes();
                _gateway.Pump();
                break;
            case < 38:
                Pass();
                break;
            case < 39:
                Apply();
                break;
            default:
                // Of keys that came in one millisecond it is not stored which was first.
                if (_isStored && Chance(3) && (_model.Settings.Deduplication is not { Size: < 1_000 }))
                {
                    await RestartAsync();
                }

                break;
        }

        Check();
    }

    private void Publish()
    {
        var isRefusing = _model.Settings is { IsLimited: true } and not { Overflow: Overflow.DropHead };
        var count = isRefusing && _model.Consumers.Count > 0 ? 1 : Chance(3) ? 1 : Chance(8) ? _random.Next(60) + 1 : _random.Next(8) + 1;
        var isPersistent = !Chance(4);
        var expires = Chance(4);
        var hasPriority = Chance(2);
        var (size, low) = (_random.Next(8, 1_200), _random.Next(6));
        List<WalkMessage> batch = [];
        for (var i = 0; i < count; i++)
        {
            batch.Add(new WalkMessage(
                _nextId++, size + _random.Next(20), isPersistent, hasPriority && !Chance(3) ? (byte)(low + (Chance(3) ? _random.Next(40) : 0)) : null,
                expires && Chance(2) ? Lifetime(150) : null, Chance(6) ? null : $"{_random.Next(5)}", Chance(2) ? null : $"{_random.Next(20)}"));
        }

        Tell($"publish {string.Join("; ", batch.Select(Describe))}");
        var refused = _model.Publish(batch, _gateway.Now);
        var items = _link.Send(new PublishItem(Encode(batch), Resent: false));
        Assert.Equal(refused, Assert.Single(items.OfType<PublishedItem>()).Refused ?? []);
    }

    private void Get()
    {
        var noAck = Chance(2);
        Tell($"get, no ack {noAck}");
        var next = _model.Settings.SingleActiveConsumer && _gateway.Queue.Definition.Type == QueueTypes.Quorum ? null : _model.Next(_gateway.Now);
        var got = _link.Send(new GetItem(++_lastGet, noAck)).OfType<GotItem>().Single();
        Assert.Equal(next?.Id, got.Message is { } message ? Batches.Ids(message).Single() : null);
        if (next is not null)
        {
            CheckGiven(next, got.Message!.Value);
            _model.Take(next, null, noAck);
        }
    }

    private void Attach()
    {
        var consumer = new WalkConsumer(++_lastConsumer, Chance(2) ? _link : _other, _random.Next(1, 12), noAck: Chance(8));
        Tell($"attach {consumer.Number}, no ack {consumer.NoAck}");
        _model.Consumers.Add(consumer);
        consumer.Link.Send(TestLink.Attachment(consumer.Number, consumer.NoAck, consumer.NoAck ? 0 : consumer.Prefetch));
    }

    private void Detach()
    {
        var consumer = _model.Consumers[_random.Next(_model.Consumers.Count)];
        Tell($"detach {consumer.Number}");
        _model.Consumers.Remove(consumer);
        consumer.Link.Send(new DetachItem(consumer.Number));
    }

    private void Settle()
    {
        if (_model.Unacked.Count == 0)
        {
            return;
        }

        var kind = _random.Next(6) switch { < 3 => Settlement.Ack, 3 => Settlement.Reject, _ => Settlement.Requeue };
        var link = Chance(2) ? _link : _other;
        var mine = _model.Unacked.Where(entry => (entry.Value.Consumer?.Link ?? _link) == link).Select(static entry => entry.Key).ToArray();
        if (mine.Length == 0)
        {
            return;
        }

        var from = _random.Next(mine.Length);
        var (first, count) = (mine[from], Chance(2) ? 1 : _random.Next(1, 20));
        Tell($"{kind} {first} and up to {count}");
        foreach (var offset in mine.Where(offset => offset >= first && offset < first + count))
        {
            _model.Settle(offset, kind == Settlement.Requeue, kind == Settlement.Reject);
        }

        link.Settle(kind, (first, count));
    }

    private void Pass()
    {
        var milliseconds = 2 * _random.Next(1, 60);
        Tell($"{milliseconds} ms pass");
        _gateway.Now += milliseconds;
        _gateway.Slot.RunDue(_gateway.Now);
        _gateway.DeliverPushes();
        _gateway.Pump();
    }

    private void Apply()
    {
        Dictionary<string, object> all = [];
        if (_isLimited && Chance(2))
        {
            all.Add("max-length", _random.Next(40));
        }

        if (_isLimited && Chance(3))
        {
            all.Add("max-length-bytes", _random.Next(20_000));
        }

        if (Chance(3))
        {
            all.Add("overflow", Chance(2) ? "drop-head" : "reject-publish");
        }

        if (Chance(4))
        {
            all.Add("message-ttl", Lifetime(200));
        }

        if (Chance(4))
        {
            all.Add("dead-letter-exchange", "other");
        }

        if (Chance(4) && _gateway.Queue.Definition.Type == QueueTypes.Quorum)
        {
            all.Add("delivery-limit", _random.Next(4));
        }

        var definition = System.Text.Json.JsonSerializer.Serialize(all);
        Tell($"policy {definition}");
        _gateway.Apply(definition);
        _model.Settings = _gateway.Queue.Definition.SettingsWith(_gateway.Policy);
    }

    private async Task RestartAsync()
    {
        Tell("restart");
        var before = _gateway.Queue;
        var saver = new DeliveryCountSaver(commit, "%2F/q", NullLogger.Instance);
        saver.Save(before);
        await saver.Saved;
        before.CloseStorage();
        await before.Storage!.Journal.FlushAsync();
        var identity = before.Storage.Journal.Queue.Identity;
        var definition = QueueDefinition.Stored("/", "q", before.Definition.ToDeclaration());
        var storage = (await _stores.TakeOverAsync(identity, TestGateway.Epoch, default))!;
        if (definition.Settings is { Priorities: { } rule, MessageGroup: null })
        {
            storage = await _stores.ReadPrioritiesAsync(storage, rule, default);
        }

        var now = _gateway.Now;
        _gateway = new TestGateway(_stores) { Now = now, Policy = _gateway.Policy };
        _gateway.Slot.Restore(definition, identity.Incarnation, [], storage, now, [], now);
        await saver.RestoreAsync(_gateway.Queue, default);
        _model.Restart(_gateway.Queue.NextOffset);
        _duplicates = _model.Duplicates;
        Open();
    }

    /// <summary>What was given out in the last turn, and what is left.</summary>
    private void Check()
    {
        // The timer of the queue.
        while (_gateway.Slot.NextDue <= _gateway.Now)
        {
            _gateway.Slot.RunDue(_gateway.Now);
            _gateway.DeliverPushes();
            _gateway.Pump();
        }

        var given = _seen.Keys.SelectMany(link => link.Items.Skip(_seen[link]).OfType<DeliveryItem>().SelectMany(item => item.Slices.SelectMany(slice => Split(link, item.Consumer, slice)))).ToArray();
        foreach (var link in _seen.Keys)
        {
            _seen[link] = link.Items.Count;
        }

        foreach (var (_, id, slice) in given)
        {
            CheckGiven(_model.Find(id), slice);
        }

        _model.Deliver([.. given.Select(static item => (item.Consumer, item.Id))], _gateway.Now);
        _model.EndTurn(_gateway.Now);
        var dead = _gateway.Slot.Dead.ToArray();
        _gateway.Slot.Dead.Clear();
        Assert.Equal(
            _model.Dead.Select(static entry => $"{entry.Id} {entry.Reason}").Order(StringComparer.Ordinal),
            dead.SelectMany(run => IdsOf(run.Run).Select(id => $"{id} {run.Reason}")).Order(StringComparer.Ordinal));
        _model.Dead.Clear();
        foreach (var run in dead)
        {
            run.Waiting?.Remove(run.Run.Length);
            if (run.Run.First != DeadRun.NeverEnqueued)
            {
                _gateway.Queue.Forget(run.Run.First, run.Run.End);
            }
        }

        CheckFigures();
        Assert.Equal(_model.Consumers.Count, _gateway.Queue.ConsumerCount);
        Assert.Equal(_model.NextOffset, _gateway.Queue.NextOffset);
        Assert.Equal(_model.Duplicates - _duplicates, _gateway.Queue.Figures[Core.Figures.QueueCount.Duplicate]);
    }

    /// <summary>What the management API, gRPC and metrics tell of the queue is exact after each step, wherever its messages are.</summary>
    private void CheckFigures()
    {
        var figures = _gateway.Queue.Figures;
        Assert.Equal(_model.Ready.Count, _gateway.Queue.ReadyCount);
        Assert.Equal((_model.Ready.Count, _model.Unacked.Count), (figures.Ready, figures.Unacked));
        Assert.Equal(_model.Ready.Sum(static message => (long)message.Length), figures.ReadyBytes.All);
    }

    private async Task FinishAsync()
    {
        Tell("the end");
        foreach (var consumer in _model.Consumers.ToArray())
        {
            _model.Consumers.Remove(consumer);
            consumer.Link.Send(new DetachItem(consumer.Number));
            Check();
        }

        foreach (var offset in _model.Unacked.Keys.ToArray())
        {
            var link = _model.Unacked[offset].Consumer?.Link ?? _link;
            _model.Settle(offset, isRequeue: false, isReject: false);
            link.Settle(Settlement.Ack, (offset, 1));
            Check();
        }

        var last = new WalkConsumer(++_lastConsumer, _link, 0, noAck: true);
        _model.Consumers.Add(last);
        _link.Attach(last.Number, noAck: true);
        Check();
        Assert.Equal((0, 0), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
        _gateway.Queue.DeleteStorage();
        await _gateway.Queue.Storage!.Journal.FlushAsync();
    }

    private IEnumerable<(WalkConsumer Consumer, long Id, DeliverySlice Slice)> Split(TestLink link, int number, DeliverySlice slice)
    {
        var consumer = _model.Consumers.Single(consumer => consumer.Link == link && consumer.Number == number);
        return Batches.Ids(slice).Select(id => (consumer, id, slice));
    }

    // Of what the queue had, the records may be in the store only.
    private IEnumerable<long> IdsOf(MessageRun run) =>
        run.First == DeadRun.NeverEnqueued ? Batches.Ids(run.ToSlice()) : Enumerable.Range(0, run.Count).Select(i => _model.IdOf(run.First + i));

    private void CheckGiven(WalkMessage message, DeliverySlice slice)
    {
        Assert.True(slice.Redelivered || !message.WasGiven, $"Message {message.Id} was given before, and does not say so.");
        var view = BasicPropertiesView.Read(new MessageRecord(slice.Batch.Records.Span).Properties);
        var told = view.TryGetHeaders(out var headers) && FieldTable.Decode(headers).TryGetValue("x-delivery-count", out var value) && value.TryGetInteger(out var count) ? count : 0;
        Assert.Equal(_gateway.Queue.Definition.Type == QueueTypes.Quorum ? message.Returns : 0, told);
    }

    private static MessageBatch Encode(IReadOnlyList<WalkMessage> messages)
    {
        var records = new MemoryStream();
        var all = MessageFlags.None;
        foreach (var message in messages)
        {
            List<(string, FieldValue)> headers = [];
            if (message.Group is { } group)
            {
                headers.Add(("group", group));
            }

            if (message.Key is { } key)
            {
                headers.Add(("x-deduplication-header", key));
            }

            byte[] properties = headers.Count == 0 ? [0, 0] : BasicPropertiesEdit.WithHeaders([0, 0], FieldTable.Of([.. headers]));
            var flags = (message.IsPersistent ? MessageFlags.Persistent : 0) | (message.Expiry is null ? 0 : MessageFlags.HasExpiry) | (message.Priority is null ? 0 : MessageFlags.HasPriority);
            all |= flags;
            var record = new byte[MessageRecord.SizeOf(message.Expiry is not null, 0, 1, properties.Length, message.BodyLength)];
            var body = MessageRecord.WriteHead(record, flags, message.Priority ?? 0, message.Expiry ?? 0, [], "k"u8, properties, message.BodyLength);
            BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(body), message.Id);
            message.Length = record.Length;
            records.Write(record);
        }

        return new MessageBatch(records.ToArray(), messages.Count, all);
    }

    private static string Describe(WalkMessage message)
    {
        var text = new StringBuilder(message.Id.ToString(CultureInfo.InvariantCulture)).Append(CultureInfo.InvariantCulture, $" of {message.BodyLength}");
        text.Append(message.IsPersistent ? "" : " transient").Append(message.Priority is { } priority ? $" p{priority}" : "").Append(message.Expiry is { } expiry ? $" {expiry} ms" : "");
        return text.Append(message.Group is { } group ? $" g{group}" : "").Append(message.Key is { } key ? $" k{key}" : "").ToString();
    }

    private void Tell(string what)
    {
        _told.Enqueue($"{_gateway.Now}: {what}");
        if (_told.Count > MostTold)
        {
            _told.Dequeue();
        }
    }

    // Odd, and the time even: whether somebody is still given what expires in the very millisecond depends on whether it is in memory.
    private int Lifetime(int most) => _random.Next(most) | 1;

    private bool Chance(int cases) => _random.Next(cases) == 0;
}
