using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Consumers;

/// <summary>One consumer of a queue: what it may be given, and what it is given in this turn.</summary>
/// <param name="priority">Consumers with a higher one come first.</param>
internal sealed class Consumer(QueueLink link, AttachItem attach, long priority = 0)
{
    private readonly List<DeliverySlice> _slices = [];
    private Window _window = attach.Window;
    private long _givenMessages;
    private long _givenBytes;

    public QueueLink Link { get; } = link;

    /// <summary>The gateway's number for it.</summary>
    public int Number => attach.Consumer;

    public string Tag => attach.Tag;

    /// <summary>Higher than that of each consumer that came before it, also to an earlier activation.</summary>
    public long Rank => attach.Rank;

    public long Priority => priority;

    public bool NoAck => attach.NoAck;

    public bool Exclusive => attach.Exclusive;

    /// <summary>Unacknowledged deliveries allowed; 0 is no limit.</summary>
    public int Prefetch { get; set; } = attach.Prefetch;

    /// <summary>Besides its own limit there is one that it shares with others: the gateway keeps that, and lends parts of it.</summary>
    public bool IsShared { get; private set; } = attach.Shared;

    public long Unacked { get; private set; }

    public bool IsGone { get; private set; }

    /// <summary>What is lent to it and not used yet.</summary>
    public int Lent { get; private set; }

    /// <summary>It was given something of what was lent to it last.</summary>
    public bool UsedLoan { get; set; }

    /// <summary>The number of the loan that it used last, counted over all consumers; 0: none.</summary>
    public long LastServed { get; set; }

    /// <summary>It stands among those that are to be told when there is something for them.</summary>
    public bool IsUntold { get; set; }

    /// <summary>It was said that there is something for it, and nothing has been lent since.</summary>
    public bool ReadySaid { get; set; }

    /// <summary>Its gateway was told so, and has nothing to lend it for the time being.</summary>
    public bool GetsNothing { get; set; }

    /// <summary>Those whom it takes turns with; null while it is given nothing.</summary>
    public TurnRing? Ring { get; set; }

    /// <summary>It stands in its ring.</summary>
    public bool InRing { get; set; }

    /// <summary>It is the one that its queue gives messages to, where only one is given any, as far as its gateway knows.</summary>
    public bool IsActive { get; set; } = attach.Active;

    /// <summary>It was that at an earlier activation.</summary>
    public bool WasActive => attach.Active;

    /// <summary>Whether it is given the next message depends on what its gateway says, which has not said it yet.</summary>
    public bool HasToBeAsked => IsShared && Lent == 0 && !GetsNothing && CouldBorrow;

    /// <summary>It could be given messages if the shared limit lets it.</summary>
    public bool CouldBorrow => ByteCredit > 0 && OwnCredit > 0;

    /// <summary>How many messages it may be given now, as far as numbers go.</summary>
    public long Credit => IsShared ? Math.Min(Lent, OwnCredit) : OwnCredit;

    private long OwnCredit => Math.Min(_window.Messages - _givenMessages, NoAck || Prefetch == 0 ? long.MaxValue : Prefetch - Unacked);

    /// <summary>It may be given messages until this falls to 0 or below.</summary>
    public long ByteCredit => _window.Bytes - _givenBytes;

    public bool IsAble => !IsGone && ByteCredit > 0 && Credit > 0;

    public bool HasDeliveries => _slices.Count > 0;

    /// <summary>Limits that come late and are lower than known ones are old.</summary>
    public void Renew(Window window) =>
        _window = new Window(Math.Max(window.Messages, _window.Messages), Math.Max(window.Bytes, _window.Bytes));

    public void Share(bool shared)
    {
        IsShared = shared;
        ReadySaid = false;
        GetsNothing = false;
        Lent = 0;
    }

    public void Lend(int count)
    {
        Lent = (int)Math.Min((long)Lent + count, int.MaxValue);
        ReadySaid = false;
        GetsNothing = false;
    }

    /// <summary>Takes back what is lent and not used.</summary>
    public int TakeBackLent()
    {
        var unused = Lent;
        Lent = 0;
        return unused;
    }

    /// <param name="run">Messages that can be delivered together.</param>
    /// <param name="counts">How often messages came back, which they are to say; null: none has.</param>
    public void Give(in MessageRun run, DeliveryCounts? counts)
    {
        _givenMessages += run.Count;
        if (IsShared)
        {
            Lent -= run.Count;
            UsedLoan = true;
        }

        if (!NoAck)
        {
            Unacked += run.Count;
            // What is delivered is held for the gateway, too.
            LargeRecord.Hold(run.Records);
            Link.Unacked.Add(run, this);
        }

        // Of what came back a copy is sent. The hold on it is forgotten.
        var slice = counts is null ? run.ToSlice() : counts.SliceOf(run);
        _givenBytes += slice.Batch.Records.Length;
        _slices.Add(slice);
    }

    public void Settled(long count) => Unacked -= count;

    /// <summary>An earlier activation delivered so many to it that are not settled.</summary>
    public void Hold(int count) => Unacked += NoAck ? 0 : count;

    public DeliveryItem TakeDeliveries()
    {
        var item = new DeliveryItem(Number, [.. _slices]);
        _slices.Clear();
        return item;
    }

    public void Leave() => IsGone = true;
}
