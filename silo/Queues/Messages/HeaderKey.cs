using System.Buffers.Binary;
using Granary.Amqp;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// The octets that are the same for values of a header that count as one: its kind and its value. Integers are the same whatever their width, as clients choose it by
/// their language or by the number.
/// </summary>
internal static class HeaderKey
{
    /// <summary>So many octets are as well on the stack.</summary>
    public const int LongestOnStack = 1024;

    public static int LengthOf(in FieldTableReader value) => 1 + (value.TryGetInteger(out _) ? sizeof(long) : value.Value.Length);

    /// <param name="key">As long as <see cref="LengthOf"/> says.</param>
    public static void Write(in FieldTableReader value, Span<byte> key)
    {
        if (value.TryGetInteger(out var number))
        {
            key[0] = (byte)FieldKind.Long;
            BinaryPrimitives.WriteInt64LittleEndian(key[1..], number);
        }
        else
        {
            key[0] = (byte)value.Kind;
            value.Value.CopyTo(key[1..]);
        }
    }
}
