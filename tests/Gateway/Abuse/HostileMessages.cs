using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Messages of gRPC with hostile values in any of their fields, some of them spoilt; the same for the same seed.</summary>
internal sealed class HostileMessages(int seed)
{
    private const int MostDepth = 5;

    private static readonly string[] Texts =
    [
        "", "q", "q", "fz", "amq.topic", "amq.direct", "amq.gen-x", "amq.rabbitmq.reply-to", "amq.rabbitmq.trace", "topic", "x-delayed-message", "\0", "a\0b", "(a+)+$", "(", "#.#.#", "*", "\ud83d\ude00", "\u202e", "9",
        "-1", "10.0.0.3:11111", "nobody", new('x', 255), new('x', 256), new('x', 5000), string.Concat(Enumerable.Repeat("a.", 120)),
    ];

    private static readonly ulong[] Numbers = [0, 1, 2, 5, 255, 256, 65_535, 65_536, int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32, long.MaxValue, 1UL << 63, ulong.MaxValue];

    private readonly Random _random = new(seed);

    public byte[] Of(MessageDescriptor type)
    {
        var bytes = Fill(type, 0).ToByteArray();
        return _random.Next(3) == 0 ? Spoil(bytes) : bytes;
    }

    public T Pick<T>(params T[] some) => some[_random.Next(some.Length)];

    private IMessage Fill(MessageDescriptor type, int depth)
    {
        var message = type.Parser.ParseFrom([]);
        foreach (var field in type.Fields.InDeclarationOrder().Where(_ => _random.Next(2) == 0))
        {
            if (depth >= MostDepth && field.FieldType == FieldType.Message)
            {
                continue;
            }

            if (field.IsRepeated)
            {
                var list = (IList)field.Accessor.GetValue(message);
                for (var more = _random.Next(4); more > 0; more--)
                {
                    list.Add(Value(field, depth));
                }
            }
            else
            {
                field.Accessor.SetValue(message, Value(field, depth));
            }
        }

        return message;
    }

    private object Value(FieldDescriptor field, int depth)
    {
        var number = Pick(Numbers);
        return field.FieldType switch
        {
            FieldType.Message => Fill(field.MessageType, depth + 1),
            FieldType.String => Pick(Texts),
            FieldType.Bytes => ByteString.CopyFrom(Octets()),
            FieldType.Bool => _random.Next(2) == 0,
            FieldType.Double => Pick(0d, double.NaN, double.PositiveInfinity, 1e308),
            FieldType.Float => Pick(0f, float.NaN, float.MinValue),
            FieldType.Enum => Pick(0, 1, 2, 3, 99),
            FieldType.UInt32 or FieldType.Fixed32 => (uint)number,
            FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => (int)number,
            FieldType.UInt64 or FieldType.Fixed64 => number,
            _ => (long)number,
        };
    }

    private byte[] Octets()
    {
        var octets = new byte[Pick(0, 1, 10, 300, 70_000)];
        _random.NextBytes(octets);
        return octets;
    }

    private byte[] Spoil(byte[] bytes)
    {
        var spoilt = bytes.ToList();
        for (var changes = _random.Next(1, 4); changes > 0; changes--)
        {
            var at = _random.Next(spoilt.Count + 1);
            switch (_random.Next(3))
            {
                case 0 when at < spoilt.Count:
                    spoilt[at] = (byte)_random.Next(256);
                    break;
                case 1:
                    spoilt.RemoveRange(at, Math.Min(3, spoilt.Count - at));
                    break;
                default:
                    var garbage = new byte[_random.Next(1, 12)];
                    _random.NextBytes(garbage);
                    spoilt.InsertRange(at, garbage);
                    break;
            }
        }

        return [.. spoilt];
    }
}
