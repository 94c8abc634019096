using System.Buffers.Binary;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// What a segment begins with.
/// <code>
/// 0       8         12       16     20    24               32               40         56     64
/// +-------+---------+--------+------+-----+----------------+----------------+----------+------+
/// | magic | version | number | zero | crc | first sequence | synced through | store id | zero |
/// +-------+---------+--------+------+-----+----------------+----------------+----------+------+
/// </code>
/// </summary>
/// <param name="FirstSequence">Of the first flush here; all before it are in earlier segments, and what follows them there does not count.</param>
/// <param name="SyncedThrough">The flushes before the first up to this one are on the disk. It is the last before the first, unless a sync failed.</param>
internal sealed record SegmentHeader(uint Number, long FirstSequence, long SyncedThrough, Guid StoreId)
{
    public const int Size = 64;
    public const uint Version = 1;

    /// <summary>Other for every segment: the checksums of its entries begin with it.</summary>
    public uint Salt { get; } = Crc32C.Append(
        Crc32C.Append(Number + 1, BitConverter.ToUInt64(StoreId.ToByteArray(), 0)), BitConverter.ToUInt64(StoreId.ToByteArray(), 8));

    private static ReadOnlySpan<byte> Magic => "GRANLOG\n"u8;

    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), Number);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), FirstSequence);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), SyncedThrough);
        StoreId.TryWriteBytes(bytes.AsSpan(40));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(20), Checksum(bytes));
        return bytes;
    }

    /// <summary>Null if it is not a header that can be used; then <paramref name="problem"/> says why.</summary>
    public static SegmentHeader? Read(ReadOnlySpan<byte> bytes, Guid storeId, uint number, out string problem)
    {
        problem = "its header is damaged";
        if (bytes.Length < Size || !bytes.StartsWith(Magic))
        {
            return null;
        }

        if (IsNewer(bytes))
        {
            problem = $"it has format {BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..])} and this program knows formats up to {Version}: it was written by a newer one";
            return null;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]) != Checksum(bytes))
        {
            return null;
        }

        var header = new SegmentHeader(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            new Guid(bytes.Slice(40, 16)));
        if (header.Number != number || header.StoreId != storeId)
        {
            problem = "it is of another store, or has another name than it was given";
            return null;
        }

        return header;
    }

    /// <summary>Whether a newer program wrote it.</summary>
    public static bool IsNewer(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic) && BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) > Version;

    private static uint Checksum(ReadOnlySpan<byte> bytes) => Crc32C.Append(Crc32C.Append(1, bytes[..20]), bytes[24..Size]);
}
