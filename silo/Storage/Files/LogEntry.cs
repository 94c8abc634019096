using System.Buffers.Binary;
using System.Text;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// One entry of the log, as it is in the file. Entries begin at multiples of eight bytes; integers are little-endian.
/// <code>
/// 0       4        8     12     13      14      15     16
/// +-------+--------+-----+------+-------+-------+------+----------+
/// | magic | length | crc | type | flags | marks | uses | the rest |
/// +-------+--------+-----+------+-------+-------+------+----------+
///
/// Batch         queue u64, first i64, due i64, count u32, records length u32, bodies length u32, records
/// Shared        as a batch, of no queue
/// Reference     as a batch, but for the records: distance back to the shared entry u32
/// Settled       queue u64, per range: first i64, end i64
/// Queue         queue u64, epoch i64, offset bound i64, delivered bound i64, incarnation 16, key length u32, links u32, links, key
/// Progress      queue u64, offset bound i64, delivered bound i64, per link: id 16, number i64
/// QueueDeleted  queue u64
/// Row           version i64, table length u32, key length u32, table, key, value
/// RowRemoved    as a row without a value
/// StreamIndex   queue u64, incarnation 16, batches u32, zero u32, per batch: first i64, due i64, place u32, count u32, records length u32, bodies length u32,
///               flags u8, marks u8, zero 6
/// Commit        sequence i64, synced through i64, start of the flush i64
/// </code>
/// Length counts the entry without the zeros that pad it. The checksum covers everything but the magic and itself, and begins with the segment's salt and
/// the entry's position: what another segment left in the file, or what came to another place, is not valid. Flags are the messages';
/// uses is the binary logarithm of how many queues share the records.
/// </summary>
internal readonly ref struct LogEntry(ReadOnlySpan<byte> bytes)
{
    public const uint Magic = 0x6E724721;
    public const int HeadSize = 16;
    public const int BatchHeadSize = 52;
    public const int ReferenceSize = 56;
    public const int CommitSize = 40;
    public const int QueueHeadSize = 72;
    public const int ProgressHeadSize = 40;
    public const int RowHeadSize = 32;
    public const int LinkSize = 24;
    public const int RangeSize = 16;

    /// <summary>From the start of the entry: all of it, or at least all but the records of a batch.</summary>
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public ReadOnlySpan<byte> Bytes => _bytes;

    public int Length => (int)BinaryPrimitives.ReadUInt32LittleEndian(_bytes[4..]);

    public EntryType Type => (EntryType)_bytes[12];

    public MessageFlags Flags => (MessageFlags)_bytes[13];

    public EntryMarks Marks => (EntryMarks)_bytes[14];

    public byte Uses => _bytes[15];

    public ulong QueueNumber => (ulong)Word(16);

    public long First => Word(24);

    public long Due => Word(32);

    public int Count => (int)Half(40);

    public int RecordsLength => (int)Half(44);

    /// <summary>How many of <see cref="RecordsLength"/> are bodies; 0 where no message is persistent, so that nobody will ask.</summary>
    public int BodiesLength => (int)Half(48);

    /// <summary>How far before a reference the shared entry begins.</summary>
    public long Distance => Half(52) * 8L;

    public ReadOnlySpan<byte> Records => _bytes.Slice(BatchHeadSize, RecordsLength);

    public int RangeCount => (Length - HeadSize - 8) / RangeSize;

    public (long First, long End) Range(int index) => (Word(24 + index * RangeSize), Word(32 + index * RangeSize));

    public long Epoch => Word(24);

    public long OffsetBound => Word(Type == EntryType.Queue ? 32 : 24);

    public long DeliveredBound => Word(Type == EntryType.Queue ? 40 : 32);

    public QueueIdentity Identity => new(Text(QueueHeadSize + LinkCount * LinkSize, (int)Half(64)), new Guid(_bytes.Slice(48, 16)));

    public int LinkCount => Type == EntryType.Queue ? (int)Half(68) : (Length - ProgressHeadSize) / LinkSize;

    public PublishProgress Link(int index)
    {
        var at = (Type == EntryType.Queue ? QueueHeadSize : ProgressHeadSize) + index * LinkSize;
        return new PublishProgress(new SessionId(new Guid(_bytes.Slice(at, 16))), Word(at + 16));
    }

    public long Version => Word(16);

    public RowKey RowKey => new(Text(RowHeadSize, (int)Half(24)), Text(RowHeadSize + (int)Half(24), (int)Half(28)));

    public ReadOnlySpan<byte> Value => _bytes[(RowHeadSize + (int)Half(24) + (int)Half(28))..Length];

    public long Sequence => Word(16);

    public long SyncedThrough => Word(24);

    public long FlushStart => Word(32);

    /// <summary>How much room an entry of this length takes.</summary>
    public static int Padded(int length) => (length + 7) & ~7;

    /// <summary>The first place at a position or after it where an entry may begin.</summary>
    public static long Padded(long position) => (position + 7) & ~7L;

    /// <summary>What the head at the start of <paramref name="bytes"/> says of the entry's length, whether it is valid or not.</summary>
    public static int LengthAt(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= HeadSize && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Magic ? BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]) : 0;

    /// <summary>What the checksum of an entry begins with.</summary>
    public static uint Seed(uint salt, long position, int length) => Crc32C.Append(Crc32C.Append(salt, (ulong)position), (uint)length);

    /// <summary>Finds a valid entry at the start of <paramref name="bytes"/>, which is at <paramref name="position"/> in its segment.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, uint salt, long position, out LogEntry entry)
    {
        entry = default;
        if (bytes.Length < HeadSize || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        if (length < HeadSize || length > bytes.Length)
        {
            return false;
        }

        var crc = Crc32C.Append(Seed(salt, position, (int)length), bytes[12..(int)length]);
        entry = new LogEntry(bytes[..(int)length]);
        return crc == BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
    }

    private long Word(int at) => BinaryPrimitives.ReadInt64LittleEndian(_bytes[at..]);

    private uint Half(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[at..]);

    private string Text(int at, int length) => Encoding.UTF8.GetString(_bytes.Slice(at, length));
}
