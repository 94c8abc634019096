namespace Granary.Silo.Queues.Messages;

/// <summary>All messages that can be taken: what came back first, then the backlog.</summary>
internal sealed class ReadyMessages
{
    private readonly ReturnedMessages _returned = new();
    private readonly Backlog _backlog = new();
    private TidyScan _scan;
    private bool _scanNeeded;

    public long Count => _returned.Count + _backlog.Count;

    /// <summary>The record bytes of all messages.</summary>
    public long Bytes => _returned.Bytes + _backlog.Bytes;

    public bool IsEmpty => Count == 0;

    /// <summary>The next messages to be taken that follow each other.</summary>
    public MessageRun First => _returned.IsEmpty ? _backlog.First : _returned.First;

    /// <summary>Memory may have to be given back some time.</summary>
    public bool NeedsTidy { get; private set; }

    public void Append(in MessageRun run) => _backlog.Append(run);

    /// <summary>Puts messages back to their original place.</summary>
    public void Return(in MessageRun run)
    {
        _returned.Add(run);
        _scanNeeded = true;
        NeedsTidy = true;
    }

    /// <summary>Takes the first <paramref name="count"/> messages of <see cref="First"/>, which take <paramref name="length"/> bytes.</summary>
    public MessageRun Take(int count, int length)
    {
        if (!_returned.IsEmpty)
        {
            return _returned.Take(count, length);
        }

        NeedsTidy = true;
        return _backlog.Take(count, length);
    }

    /// <summary>Ends a turn: what was not taken in it stays for a while.</summary>
    public void EndTurn()
    {
        _backlog.Settle();
        if (IsEmpty)
        {
            NeedsTidy = false;
        }
    }

    public void Tidy(long now)
    {
        var needed = _backlog.Tidy(now);
        if (_scanNeeded)
        {
            _scan.BeginStep();
            _scanNeeded = _returned.Tidy(now, ref _scan);
        }

        NeedsTidy = needed || _scanNeeded;
    }

    /// <summary>Removes everything and says how many messages there were.</summary>
    public long Clear()
    {
        var count = Count;
        _returned.Clear();
        _backlog.Clear();
        NeedsTidy = false;
        return count;
    }
}
