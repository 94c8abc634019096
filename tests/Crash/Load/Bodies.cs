using System.Buffers.Binary;

namespace Granary.Crash.Load;

/// <summary>Bodies that say who they are, and in which every byte is known: [publisher 2][number 4][length 4][pattern].</summary>
internal static class Bodies
{
    public const int Smallest = 10;

    public const int Largest = 100 * 1024;

    private static readonly byte[] Pattern = CreatePattern();

    public static byte[] Create(MessageId id, int size)
    {
        var body = new byte[size];
        BinaryPrimitives.WriteUInt16BigEndian(body, id.Publisher);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(2), id.Number);
        BinaryPrimitives.WriteInt32BigEndian(body.AsSpan(6), size);
        PatternOf(id, size).CopyTo(body.AsSpan(Smallest));
        return body;
    }

    /// <summary>False for a body in which any byte is wrong, or missing.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out MessageId id)
    {
        id = default;
        if (body.Length is < Smallest or > Largest)
        {
            return false;
        }

        id = new MessageId(BinaryPrimitives.ReadUInt16BigEndian(body), BinaryPrimitives.ReadUInt32BigEndian(body[2..]));
        return BinaryPrimitives.ReadInt32BigEndian(body[6..]) == body.Length && body[Smallest..].SequenceEqual(PatternOf(id, body.Length));
    }

    /// <summary>Mostly small ones, and now and then one of up to 100 KiB.</summary>
    public static int Size(Random random) => random.Next(100) switch
    {
        < 60 => random.Next(Smallest, 200),
        < 88 => random.Next(200, 2_000),
        < 97 => random.Next(2_000, 16_000),
        _ => random.Next(16_000, Largest + 1),
    };

    private static ReadOnlySpan<byte> PatternOf(MessageId id, int size) =>
        Pattern.AsSpan((int)(((id.Number * 31) + (id.Publisher * 977u)) % Largest), size - Smallest);

    private static byte[] CreatePattern()
    {
        var bytes = new byte[2 * Largest];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
