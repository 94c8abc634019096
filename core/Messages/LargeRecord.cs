using System.Buffers;
using System.Runtime.InteropServices;

namespace Granary.Core.Messages;

/// <summary>
/// The memory of one record that is too large for a chunk, from a pool. Whoever keeps the record to read it later holds it, and lets go of it when done;
/// with the last hold the memory goes back to the pool. Who never lets go costs speed and nothing else: then it is ordinary garbage. Who reads without a
/// hold what has gone back gets an exception, not another message: a record is never reused, only its array is.
/// </summary>
public sealed class LargeRecord : MemoryManager<byte>
{
    /// <summary>Records of more bytes than this are not put into chunks.</summary>
    public const int LargerThan = 12 * 1024;

    private readonly LargeRecordPool _pool;
    private byte[]? _array;
    private int _holds = 1;

    internal LargeRecord(LargeRecordPool pool, byte[] array) => (_pool, _array) = (pool, array);

    /// <summary>How many bytes of memory it takes.</summary>
    public int Capacity => _array?.Length ?? 0;

    /// <summary>The one whose memory these records are; null for all others.</summary>
    public static LargeRecord? Of(ReadOnlyMemory<byte> records) =>
        records.Length > LargerThan && MemoryMarshal.TryGetMemoryManager<byte, LargeRecord>(records, out var record) ? record : null;

    /// <summary>The caller keeps these records. Nothing needs be done for any but large ones.</summary>
    public static void Hold(ReadOnlyMemory<byte> records) => Of(records)?.Hold();

    /// <summary>The caller is done with records that were held for it.</summary>
    public static void LetGo(ReadOnlyMemory<byte> records) => Of(records)?.LetGo();

    /// <exception cref="ObjectDisposedException">Nobody held it any more.</exception>
    public void Hold()
    {
        var holds = Volatile.Read(ref _holds);
        while (true)
        {
            ObjectDisposedException.ThrowIf(holds == 0, this);
            var seen = Interlocked.CompareExchange(ref _holds, holds + 1, holds);
            if (seen == holds)
            {
                return;
            }

            holds = seen;
        }
    }

    /// <exception cref="InvalidOperationException">There was no hold left.</exception>
    public void LetGo()
    {
        var holds = Interlocked.Decrement(ref _holds);
        if (holds == 0)
        {
            var array = _array!;
            _array = null;
            _pool.Return(array);
        }
        else if (holds < 0)
        {
            throw new InvalidOperationException("A large record was let go of more often than it was held.");
        }
    }

    /// <exception cref="ObjectDisposedException">Nobody holds it any more.</exception>
    public override Span<byte> GetSpan() => Array;

    public override MemoryHandle Pin(int elementIndex = 0) => Array.AsMemory(elementIndex).Pin();

    public override void Unpin()
    {
        // The handle that Pin returned does it.
    }

    protected override void Dispose(bool disposing)
    {
        // Its memory is given back by those who hold it.
    }

    private byte[] Array => _array ?? throw new ObjectDisposedException(nameof(LargeRecord));
}
