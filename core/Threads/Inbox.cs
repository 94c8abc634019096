using System.Runtime.InteropServices;

namespace Granary.Core.Threads;

/// <summary>What comes from any thread for someone who takes it in turns: all that has come by then in one turn, one turn at a time.</summary>
/// <param name="take">Takes what has come, in the order in which it came.</param>
public sealed class Inbox<T>(InboxTurn<T> take) : ITurn
{
    // What a burst left is not kept for ever.
    private const int MostKept = 256;

    private readonly Lock _gate = new();
    private List<T> _arrived = [];
    private List<T> _taken = [];
    private bool _isScheduled;
    private bool _isClosed;

    /// <summary>Never runs the turn itself, so that it may be called under locks that the turn takes. False when it is closed.</summary>
    public bool TryPost(T item)
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return false;
            }

            _arrived.Add(item);
            if (_isScheduled)
            {
                return true;
            }

            _isScheduled = true;
        }

        TurnThread.Schedule(this);
        return true;
    }

    /// <summary>Takes nothing any more. What came and was not taken yet is returned; a turn that runs goes on.</summary>
    public T[] Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            T[] left = [.. _arrived];
            _arrived.Clear();
            return left;
        }
    }

    /// <summary>Closes it, unless something has come that no turn has begun to take.</summary>
    public bool TryCloseEmpty()
    {
        lock (_gate)
        {
            _isClosed |= _arrived.Count == 0;
            return _isClosed;
        }
    }

    void ITurn.Run()
    {
        lock (_gate)
        {
            (_arrived, _taken) = (_taken, _arrived);
        }

        if (_taken.Count > 0)
        {
            take(CollectionsMarshal.AsSpan(_taken));
            _taken.Clear();
        }

        if (_taken.Capacity > MostKept)
        {
            _taken = [];
        }

        lock (_gate)
        {
            if (_arrived.Count == 0)
            {
                _isScheduled = false;
                return;
            }
        }

        TurnThread.Schedule(this);
    }
}

/// <summary>One turn of an <see cref="Inbox{T}"/>.</summary>
/// <param name="items">One at least.</param>
public delegate void InboxTurn<T>(ReadOnlySpan<T> items);
