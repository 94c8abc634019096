using Microsoft.Win32.SafeHandles;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// The bytes of a segment that is scanned. All of them are in memory, but of a segment that is much larger than others, for a flush that was: of that a part is, which
/// moves along with what is asked for.
/// </summary>
internal sealed class SegmentBytes : IDisposable
{
    private readonly SafeFileHandle? _handle;
    private readonly int _atOnce;
    private long _start;
    private int _count;

    /// <summary>All of a file, as it was read.</summary>
    public SegmentBytes(byte[] bytes) => (Buffer, _count, Length) = (bytes, bytes.Length, bytes.Length);

    /// <param name="handle">Is closed when nothing more is to be read.</param>
    /// <param name="buffer">Where the bytes go, if it is large enough.</param>
    /// <param name="atOnce">So many are in memory at the most, but for an entry that is longer.</param>
    public SegmentBytes(SafeFileHandle handle, byte[] buffer, int atOnce)
    {
        (_handle, Buffer, _atOnce, Length) = (handle, buffer, atOnce, RandomAccess.GetLength(handle));
        Load(0, (int)Math.Min(Length, atOnce));
        if (_count == Length)
        {
            handle.Dispose();
        }
    }

    /// <summary>Of the file.</summary>
    public long Length { get; }

    /// <summary>What the bytes are in: another may use it when these are of no use any more.</summary>
    public byte[] Buffer { get; private set; }

    /// <summary>What is in memory from a position on: at least <paramref name="least"/> bytes, if the file has as many there. Good until more is asked for.</summary>
    public ReadOnlySpan<byte> From(long at, int least = 1)
    {
        var needed = Math.Min(least, Length - at);
        if (needed <= 0)
        {
            return [];
        }

        if (at < _start || at + needed > _start + _count)
        {
            Load(at, (int)Math.Min(Math.Max(needed, _atOnce), Length - at));
        }

        return Buffer.AsSpan((int)(at - _start), (int)(_start + _count - at));
    }

    /// <summary>There is nothing but zeros from a position on.</summary>
    public bool IsZeroFrom(long at)
    {
        while (at < Length)
        {
            var part = From(at);
            if (part.IndexOfAnyExcept((byte)0) >= 0)
            {
                return false;
            }

            at += part.Length;
        }

        return true;
    }

    public void Dispose() => _handle?.Dispose();

    private void Load(long start, int count)
    {
        (_start, _count) = (start, 0);
        if (Buffer.Length < count)
        {
            Buffer = GC.AllocateUninitializedArray<byte>(count);
        }

        while (_count < count)
        {
            var read = RandomAccess.Read(_handle!, Buffer.AsSpan(_count, count - _count), start + _count);
            if (read == 0)
            {
                throw new IOException($"A file ended at byte {start + _count} while it was read.");
            }

            _count += read;
        }
    }
}
