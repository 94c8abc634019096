namespace Granary.Silo.Storage;

/// <summary>
/// The offset below which messages may have been delivered, on its way to the store, and whether the queue waits for it. Under the gate, but for <see cref="Stored"/>.
/// </summary>
internal sealed class DeliveredMark(long stored)
{
    /// <summary>No flush runs.</summary>
    private const long None = long.MinValue;

    private long _flushing = None;

    /// <summary>What the store knows: stored messages below it may be delivered.</summary>
    public long Stored { get; private set; } = stored;

    /// <summary>What it is to know.</summary>
    public long Wanted { get; private set; } = stored;

    /// <summary>The queue waits for the next flush, though not for the watermark.</summary>
    public bool IsWaitedFor { get; private set; }

    /// <summary>Whether the queue waits for the flush that runs, though not for the watermark.</summary>
    public bool IsFlushWaitedFor { get; private set; }

    /// <summary>The queue waits until it may deliver below an offset: that may be so since it looked, or be under way.</summary>
    /// <returns>Whether it is so already, and whether the next flush has to bring it.</returns>
    public (bool IsThere, bool IsForNextFlush) Await(long delivered)
    {
        if (delivered <= Stored)
        {
            return (true, false);
        }

        if (_flushing >= delivered)
        {
            IsFlushWaitedFor = true;
            return (false, false);
        }

        return (false, true);
    }

    /// <summary>Says what the store is to know from the next flush on.</summary>
    public void Want(long delivered, bool isWaitedFor)
    {
        Wanted = delivered;
        IsWaitedFor |= isWaitedFor;

        // Set back: the store knows it from some moment of the next flush on, and nothing beyond may be delivered before that moment either.
        Stored = Math.Min(Stored, delivered);
    }

    /// <summary>Nothing in the store could be taken for undelivered: what is wanted is written with the next message that is.</summary>
    public void Skip() => Stored = Wanted;

    /// <summary>A flush begins.</summary>
    public long Take()
    {
        (IsFlushWaitedFor, IsWaitedFor) = (IsWaitedFor, false);
        return _flushing = Wanted;
    }

    /// <summary>What the queue waits for may be written ahead of the flush that is to bring it, with what that flush says anyway.</summary>
    public bool TryTakeAhead(out long bound)
    {
        bound = Math.Max(_flushing, Wanted);
        return (IsWaitedFor || IsFlushWaitedFor) && bound > Stored;
    }

    /// <summary>It is written. The flush must not say less: what is below is delivered from now on.</summary>
    public void CompleteAhead(long bound)
    {
        _flushing = _flushing == None ? None : Math.Max(_flushing, bound);
        Stored = Math.Min(bound, Wanted);
    }

    /// <summary>The flush is through.</summary>
    public void Complete(bool isFenced)
    {
        if (!isFenced)
        {
            // It may have been set back meanwhile, which the flush after this one writes.
            Stored = Math.Min(_flushing, Wanted);
        }

        _flushing = None;
    }
}
