using System.Numerics;

namespace Granary.Core.Messages;

/// <summary>
/// Arrays for large records. New memory costs more than what is done with it: the system clears each page when it is first touched, and the collector
/// gives large arrays back soon. What nobody needs for a while is given up.
/// </summary>
public sealed class LargeRecordPool
{
    /// <summary>Bodies that are announced get all their memory at once while all of them together have so much that has not come.</summary>
    public const long MostBelieved = 32 * 1024 * 1024;

    private const int Largest = 32 * 1024 * 1024;
    private const long MostIdle = 64 * 1024 * 1024;

    // Of the memory that the process may use, what is kept for records to come, or is believed, is this part at most.
    private const int ShareOfMemory = 8;

    // What a record has besides the body mostly fits into it: bodies of a power of two then do not take the next size.
    private const int Margin = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, IdleArrays> _idle = [];
    private readonly long _memory;
    private readonly long _mostIdle;
    private readonly long _mostBelieved;
    private long _idleBytes;
    private long _givenUpBytes;
    private long _believed;
    private long _room = long.MaxValue;
    private long _assured = long.MaxValue;
    private long _reserve;
    private bool _hasFailed;

    /// <param name="memory">What the process may use, in bytes.</param>
    public LargeRecordPool(long memory = long.MaxValue) =>
        (_memory, _mostIdle, _mostBelieved) = (memory, Math.Min(MostIdle, memory / ShareOfMemory), Math.Min(MostBelieved, memory / ShareOfMemory));

    /// <summary>Somebody waits for memory: whoever sets the room is to look again at how much is in use. Called on any thread, with no lock taken.</summary>
    public event Action? Short;

    /// <summary>The one of the process.</summary>
    public static LargeRecordPool Shared { get; } = new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>What is kept for records to come.</summary>
    public long IdleBytes
    {
        get
        {
            lock (_gate)
            {
                return _idleBytes;
            }
        }
    }

    /// <summary>Bytes of arrays that became garbage here, since the process began: they may have been in use for long, at whatever collections there were.</summary>
    public long GivenUpBytes
    {
        get
        {
            lock (_gate)
            {
                return _givenUpBytes;
            }
        }
    }

    /// <summary>Memory for a record of at least that many bytes, held once, for the caller.</summary>
    public LargeRecord Take(int length)
    {
        var size = SizeFor(length);
        lock (_gate)
        {
            if (_idle.TryGetValue(size, out var idle) && idle.TryTake(out var array))
            {
                _idleBytes -= size;
                return new LargeRecord(this, array);
            }
        }

        return new LargeRecord(this, GC.AllocateUninitializedArray<byte>(size));
    }

    /// <summary>The same for what has no place yet and can wait: null while there is no room for it, see <see cref="SetRoom"/>.</summary>
    /// <param name="mayUseReserve">It lets a message be completed that has memory already.</param>
    /// <exception cref="OutOfMemoryException">There will hardly ever be memory for so much.</exception>
    public LargeRecord? TryTake(int length, bool mayUseReserve)
    {
        var size = SizeFor(length);
        lock (_gate)
        {
            if (_idle.TryGetValue(size, out var idle) && idle.Count > 0)
            {
                return Take(length);
            }

            if (_room + (mayUseReserve ? _reserve : 0) < Math.Min(size, _assured))
            {
                return null;
            }

            _room -= size;
        }

        try
        {
            return new LargeRecord(this, GC.AllocateUninitializedArray<byte>(size));
        }
        catch (OutOfMemoryException) when (size < _memory / 2)
        {
            // There is as much as that, in pieces.
            lock (_gate)
            {
                _hasFailed = true;
                _room = 0;
            }

            return null;
        }
    }

    /// <summary>Whether there was no memory for a record although there was room, since this was called last: what is in use has to be moved together.</summary>
    public bool TakeFailed()
    {
        lock (_gate)
        {
            return _hasFailed && !(_hasFailed = false);
        }
    }

    /// <summary>
    /// Sets how much new memory may be taken until this is called again. Whoever measures what is in use does it only now and then, and publishers that nothing
    /// slows down take megabytes in a millisecond.
    /// </summary>
    /// <param name="room">In bytes; below 0: there is too much in use.</param>
    /// <param name="assured">A record of more than that is given memory if there is room for that much: it would wait for ever otherwise.</param>
    /// <param name="reserve">What may be taken beyond the room by those who may use the reserve.</param>
    public void SetRoom(long room, long assured, long reserve)
    {
        lock (_gate)
        {
            (_room, _assured, _reserve) = (room, assured, reserve);
        }
    }

    /// <summary>To be called before somebody waits for memory, with no lock taken.</summary>
    public void AskForRoom() => Short?.Invoke();

    /// <summary>Gives up all that is kept for records to come.</summary>
    public void DropIdle()
    {
        lock (_gate)
        {
            _idle.Clear();
            GiveUp(_idleBytes);
        }
    }

    /// <summary>Whether memory may be taken for that many bytes that were announced and have not come; if so, <see cref="EndBelief"/> has to follow.</summary>
    public bool TryBelieve(int bytes)
    {
        lock (_gate)
        {
            if (_believed + bytes > _mostBelieved)
            {
                return false;
            }

            _believed += bytes;
            return true;
        }
    }

    /// <summary>They have come, or never will.</summary>
    public void EndBelief(int bytes)
    {
        lock (_gate)
        {
            _believed -= bytes;
        }
    }

    /// <summary>Gives up what was not needed since the last time. To be called every few seconds.</summary>
    public void Tidy()
    {
        lock (_gate)
        {
            foreach (var (size, idle) in _idle)
            {
                GiveUp((long)size * idle.DropUnused());
            }
        }
    }

    internal void Return(byte[] array)
    {
        lock (_gate)
        {
            if (array.Length > Largest || _idleBytes + array.Length > _mostIdle)
            {
                _givenUpBytes += array.Length;
                return;
            }

            if (!_idle.TryGetValue(array.Length, out var idle))
            {
                _idle.Add(array.Length, idle = new IdleArrays());
            }

            idle.Add(array);
            _idleBytes += array.Length;
        }
    }

    // Under the gate: idle arrays of so many bytes are dropped.
    private void GiveUp(long bytes)
    {
        _idleBytes -= bytes;
        _givenUpBytes += bytes;
    }

    // Four sizes for each power of two.
    private static int SizeFor(int length)
    {
        var needed = Math.Max(length, LargeRecord.LargerThan) - Margin;
        var step = (int)(BitOperations.RoundUpToPowerOf2((uint)needed) / 8);
        var size = (((needed + step - 1L) / step) * step) + Margin;
        return size > Largest ? length : (int)size;
    }

    /// <summary>Arrays of one size, of which the last returned is the first taken: it may still be in the processor's cache.</summary>
    private sealed class IdleArrays
    {
        private readonly Stack<byte[]> _arrays = new();
        private int _unused;

        public int Count => _arrays.Count;

        public void Add(byte[] array) => _arrays.Push(array);

        public bool TryTake(out byte[] array)
        {
            var isThere = _arrays.TryPop(out array!);
            _unused = Math.Min(_unused, _arrays.Count);
            return isThere;
        }

        /// <summary>Drops as many as were there all the time since this was called last; how many those were.</summary>
        public int DropUnused()
        {
            var dropped = _unused;
            for (var i = 0; i < dropped; i++)
            {
                _arrays.Pop();
            }

            _arrays.TrimExcess();
            _unused = _arrays.Count;
            return dropped;
        }
    }
}
