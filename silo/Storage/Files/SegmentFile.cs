namespace Granary.Silo.Storage.Files;

/// <summary>A segment as it is found.</summary>
/// <param name="Header">Null if it cannot be used.</param>
/// <param name="IsEmpty">It has no header and nothing else: the process ended while it was made.</param>
/// <param name="MayBeRepaired">It is not of a newer format.</param>
internal sealed record SegmentFile(uint Number, string Path, SegmentHeader? Header, bool IsEmpty, bool MayBeRepaired)
{
    public static SegmentFile Read(string path, uint number, Guid storeId, out string problem)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[SegmentHeader.Size];
        var length = RandomAccess.Read(handle, bytes, 0);
        var header = SegmentHeader.Read(bytes.AsSpan(0, length), storeId, number, out problem);
        var isEmpty = header is null && (length < SegmentHeader.Size || IsZero(handle));
        return new SegmentFile(number, path, header, isEmpty, !SegmentHeader.IsNewer(bytes));
    }

    /// <summary>Reads all of it, or the first part of one that is larger than <paramref name="atOnce"/>; into <paramref name="buffer"/> if that is large enough.</summary>
    public SegmentBytes Open(byte[] buffer, int atOnce) =>
        new(File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan), buffer, atOnce);

    private static bool IsZero(Microsoft.Win32.SafeHandles.SafeFileHandle handle)
    {
        var bytes = new byte[64 * 1024];
        var position = 0L;
        for (int got; (got = RandomAccess.Read(handle, bytes, position)) > 0; position += got)
        {
            if (bytes.AsSpan(0, got).IndexOfAnyExcept((byte)0) >= 0)
            {
                return false;
            }
        }

        return true;
    }
}
