using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Tests.Queues.Walks;

/// <summary>A list of messages with every argument that a queue can have: it says what is ready, and what died of what. Who is given what is looked at as it happens.</summary>
internal sealed class WalkQueue(QueueTypes type, QueueSettings settings)
{
    private readonly SortedSet<WalkMessage> _ready = new(Comparer<WalkMessage>.Create(
        static (left, right) => left.Lane != right.Lane ? right.Lane.CompareTo(left.Lane) : left.Offset.CompareTo(right.Offset)));

    private readonly Dictionary<long, long> _ids = [];
    private readonly List<(string Key, bool IsPersistent, long At)> _keys = [];

    /// <summary>What it goes by now.</summary>
    public QueueSettings Settings { get; set; } = settings;

    /// <summary>By their offsets, with whoever has them.</summary>
    public SortedDictionary<long, (WalkMessage Message, WalkConsumer? Consumer)> Unacked { get; } = [];

    public List<WalkConsumer> Consumers { get; } = [];

    /// <summary>What died since somebody looked.</summary>
    public List<(long Id, DeathReason Reason)> Dead { get; } = [];

    public long NextOffset { get; private set; }

    public IReadOnlyCollection<WalkMessage> Ready => _ready;

    public int Duplicates { get; private set; }

    /// <summary>The message that has an offset.</summary>
    public long IdOf(long offset) => _ids[offset];

    private bool IsGrouped => Settings.MessageGroup is not null;

    /// <summary>Takes messages of one batch; says which of them are refused.</summary>
    public List<int> Publish(IReadOnlyList<WalkMessage> batch, long now)
    {
        List<int> refused = [];
        for (var i = 0; i < batch.Count; i++)
        {
            var message = batch[i];
            if (IsDuplicate(message, now))
            {
                NextOffset++;
                Duplicates++;
                continue;
            }

            if (Settings.Overflow != Overflow.DropHead && Settings.IsLimited)
            {
                if (!HasRoomFor(message))
                {
                    // Whoever can be given any has been given it before.
                    Expire(now + 1);
                }

                if (!HasRoomFor(message))
                {
                    refused.Add(i);
                    if (Settings.Overflow == Overflow.RejectPublishDeadLetter)
                    {
                        Bury(message, DeathReason.MaxLength);
                    }

                    continue;
                }
            }

            Remember(message, now);
            message.Offset = NextOffset++;
            _ids.Add(message.Offset, message.Id);
            message.Lane = Settings.Priorities is { } rule && !IsGrouped
                ? rule.IsRare && message.Priority is null ? rule.Absent : Math.Min(message.Priority ?? 0, rule.Highest)
                : 0;
            message.Due = Math.Min(Settings.MessageTtl is { } ttl ? now + ttl : long.MaxValue, message.Expiry is { } own ? now + own : long.MaxValue);
            _ready.Add(message);
        }

        return refused;
    }

    public void Settle(long offset, bool isRequeue, bool isReject)
    {
        var (message, consumer) = Unacked[offset];
        Unacked.Remove(offset);
        _ = consumer is not null && --consumer.Unacked >= 0;
        if (isReject)
        {
            Bury(message, DeathReason.Rejected);
        }
        else if (isRequeue)
        {
            message.Returns++;
            message.WasGiven = true;
            if (type == QueueTypes.Quorum && message.Returns > (Settings.DeliveryLimit ?? long.MaxValue))
            {
                Bury(message, DeathReason.DeliveryLimit);
            }
            else
            {
                _ready.Add(message);
            }
        }
    }

    public int Purge()
    {
        var count = _ready.Count;
        _ready.Clear();
        return count;
    }

    /// <summary>All that is not persistent is lost; what was given out is ready again, and so are the rest.</summary>
    /// <param name="nextOffset">Of the new activation.</param>
    public void Restart(long nextOffset)
    {
        Assert.True(nextOffset >= NextOffset);
        NextOffset = nextOffset;
        foreach (var (message, _) in Unacked.Values)
        {
            message.WasGiven = true;
            _ready.Add(message);
        }

        Unacked.Clear();
        Consumers.Clear();
        _ready.RemoveWhere(static message => !message.IsPersistent);
        _keys.RemoveAll(static key => !key.IsPersistent);
    }

    /// <summary>The next message that somebody without a consumer is given; null: there is none for him.</summary>
    public WalkMessage? Next(long now)
    {
        Expire(now + 1);
        return _ready.FirstOrDefault(message => message.Group is null || !IsGrouped || !IsOut(message.Group));
    }

    /// <summary>Somebody is given a message.</summary>
    /// <param name="by">Null: it was got.</param>
    public void Take(WalkMessage message, WalkConsumer? by, bool isSettled)
    {
        Assert.True(_ready.Remove(message), $"Message {message.Id} is not there to be given out.");
        if (!isSettled)
        {
            Unacked.Add(message.Offset, (message, by));
        }
    }

    /// <summary>Checks what was given out in a turn against who could be given what, and does it.</summary>
    public void Deliver(IReadOnlyList<(WalkConsumer Consumer, long Id)> given, long now)
    {
        Expire(now);
        foreach (var (consumer, id) in given.OrderBy(item => Find(item.Id), _ready.Comparer).ToArray())
        {
            var message = Find(id);
            Assert.True(consumer.HasCredit, $"Message {id} was given beyond a prefetch.");
            Assert.True(!Settings.SingleActiveConsumer || consumer == Consumers[0], $"Message {id} was given to a consumer that is not active.");
            if (IsGrouped)
            {
                Assert.True(MayHave(message, consumer), $"Message {id} of group {message.Group} was given to one who may not have it.");
            }
            else
            {
                Assert.True(_ready.Min == message, $"Message {id} was given to consumer {consumer.Number}, before {_ready.Min!.Id}: {string.Join(", ", given.Select(static item => item.Id))}.");
            }

            Take(message, consumer, consumer.NoAck);
            consumer.Unacked += consumer.NoAck ? 0 : 1;
        }

        foreach (var consumer in Consumers.Where(consumer => consumer.HasCredit && (!Settings.SingleActiveConsumer || consumer == Consumers[0])))
        {
            Assert.DoesNotContain(_ready, message => !IsGrouped || MayHave(message, consumer));
        }
    }

    /// <summary>What comes after deliveries in each turn.</summary>
    public void EndTurn(long now)
    {
        Expire(now + 1);
        while (Settings is { IsLimited: true, Overflow: Overflow.DropHead } && (_ready.Count > (Settings.MaxLength ?? long.MaxValue) || Bodies > (Settings.MaxBytes ?? long.MaxValue)))
        {
            var first = _ready.Min!;
            _ready.Remove(first);
            Bury(first, DeathReason.MaxLength);
        }
    }

    public WalkMessage Find(long id) => _ready.FirstOrDefault(message => message.Id == id) ?? throw new InvalidOperationException($"Message {id} is not ready.");

    private long Bodies => _ready.Sum(static message => (long)message.BodyLength);

    private bool HasRoomFor(WalkMessage message) =>
        _ready.Count < (Settings.MaxLength ?? long.MaxValue) && Bodies <= (Settings.MaxBytes ?? long.MaxValue) - message.BodyLength;

    private bool IsOut(string group) => Unacked.Values.Any(entry => entry.Message.Group == group);

    private bool MayHave(WalkMessage message, WalkConsumer consumer) =>
        message.Group is not { } group
        || (Unacked.Values.Where(entry => entry.Message.Group == group).All(entry => entry.Consumer == consumer) && _ready.First(other => other.Group == group) == message);

    private void Bury(WalkMessage message, DeathReason reason)
    {
        if (Settings.DeadLetters is not null)
        {
            Dead.Add((message.Id, reason));
        }
    }

    /// <summary>What is due before leaves, wherever it stands.</summary>
    private void Expire(long limit)
    {
        foreach (var message in _ready.Where(message => message.Due < limit).ToArray())
        {
            _ready.Remove(message);
            Bury(message, DeathReason.Expired);
        }
    }

    private bool IsDuplicate(WalkMessage message, long now)
    {
        if (Settings.Deduplication is not { } rule || message.Key is null)
        {
            return false;
        }

        _keys.RemoveAll(key => now - key.At >= (rule.Ttl ?? long.MaxValue));
        return _keys.Exists(key => key.Key == message.Key);
    }

    private void Remember(WalkMessage message, long now)
    {
        if (Settings.Deduplication is { } rule && message.Key is { } key)
        {
            _keys.Add((key, message.IsPersistent, now));
            _keys.RemoveRange(0, (int)Math.Max(0, _keys.Count - rule.Size));
        }
    }
}

/// <summary>A consumer of a <see cref="WideWalk"/>.</summary>
internal sealed class WalkConsumer(int number, TestLink link, int prefetch, bool noAck)
{
    public int Number => number;

    public TestLink Link => link;

    public bool NoAck => noAck;

    public int Prefetch => prefetch;

    public int Unacked { get; set; }

    public bool HasCredit => noAck || Unacked < prefetch;
}
