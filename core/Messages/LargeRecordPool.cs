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

    // What a record has besides the body mostly fits into it: bodies of a power of two then do not take the next size.
    private const int Margin = 1024;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, IdleArrays> _idle = [];
    private long _idleBytes;
    private long _believed;

    /// <summary>The one of the process.</summary>
    public static LargeRecordPool Shared { get; } = new();

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

    /// <summary>Whether memory may be taken for that many bytes that were announced and have not come; if so, <see cref="EndBelief"/> has to follow.</summary>
    public bool TryBelieve(int bytes)
    {
        lock (_gate)
        {
            if (_believed + bytes > MostBelieved)
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
                _idleBytes -= (long)size * idle.DropUnused();
            }
        }
    }

    internal void Return(byte[] array)
    {
        lock (_gate)
        {
            if (array.Length > Largest || _idleBytes + array.Length > MostIdle)
            {
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
