using System.Buffers;
using CsCheck;
using Granary.Amqp.Methods;

namespace Granary.Amqp.Tests;

/// <summary>Mutated frames: only an AmqpException may come out, and what is accepted means the same when it is written again.</summary>
public sealed class FuzzTests
{
    private const int FrameMax = 1024;
    private const int Cases = 160_000;

    private static readonly Dictionary<uint, MethodSample> Readers = MethodSamples.All.ToDictionary(sample => sample.Method.Id);

    private static readonly byte[][] Corpus = [.. WireCases.All.Values, .. MethodSamples.All.Select(sample => sample.WriteFrame(5)), .. Headers()];

    private static readonly Gen<byte[]> Mutated = Gen.Select(
        Gen.Int[0, Corpus.Length - 1], Gen.Select(Gen.Int[0, 5], Gen.Double.Unit, Gen.Byte, (kind, where, value) => new Mutation(kind, where, value)).Array[0, 3], Gen.Int[0, 3],
        (at, mutations, size) => Mutate(Corpus[at], mutations, size != 0));

    [Fact]
    public void Read_MutatedFrames_FailAsAmqpOrMeanTheSameAgain()
    {
        var accepted = 0;
        var refused = 0;
        Mutated.Sample(
            bytes =>
            {
                try
                {
                    foreach (var frame in Frames(bytes))
                    {
                        if (ReadContent(frame))
                        {
                            Interlocked.Increment(ref accepted);
                        }
                    }
                }
                catch (AmqpException error)
                {
                    Assert.Equal(ReplyCode.FrameError, error.ReplyCode);
                    Assert.InRange(ShortText.ByteCount(error.Text), 1, ReplyText.MaxBytes);
                    Interlocked.Increment(ref refused);
                }
            },
            iter: Cases,
            print: Convert.ToHexString);

        // Neither side may be rare, or the fuzz tests nothing.
        Assert.InRange(accepted, Cases / 10, int.MaxValue);
        Assert.InRange(refused, Cases / 10, Cases);
    }

    /// <summary>Finds the frames and compares with the oracle, what was refused included.</summary>
    private static List<OracleFrame> Frames(byte[] bytes)
    {
        var (expected, consumed, refused) = FrameOracle.Read(bytes, FrameMax);
        var frames = new List<OracleFrame>();
        if (!refused)
        {
            Assert.Equal(consumed, FrameReaderTests.Drain(bytes, frames, FrameMax));
            Assert.Equal(expected, frames);
            return frames;
        }

        var error = Assert.Throws<AmqpConnectionException>(() => FrameReaderTests.Drain(bytes, frames, FrameMax));
        Assert.Equal(expected, frames);
        throw error;
    }

    /// <summary>Reads what is in a frame; false if there is nothing to read.</summary>
    private static bool ReadContent(OracleFrame frame)
    {
        var payload = Convert.FromHexString(frame.Payload);
        switch ((FrameType)frame.Type)
        {
            case FrameType.Method:
                var id = MethodFrame.ReadId(payload, out var fields);
                Assert.Equal(Readers.ContainsKey(id), MethodId.Name(id) is not null);
                return Readers.TryGetValue(id, out var reader) && ReadMethod(id, reader, fields.ToArray());
            case FrameType.Header:
                ReadHeader(payload);
                return true;
            default:
                return false;
        }
    }

    private static bool ReadMethod(uint id, MethodSample reader, byte[] fields)
    {
        if (id == MethodId.BasicPublish)
        {
            // The view looks at names without taking them for text, the record refuses what is not UTF-8.
            var view = BasicPublishView.Read(fields);
            var (exchange, key) = (ShortText.Decode(view.Exchange), ShortText.Decode(view.RoutingKey));
            var (mandatory, immediate) = (view.Mandatory, view.Immediate);
            Assert.Equal(new BasicPublish(exchange, key, mandatory, immediate), reader.Read(fields));
        }

        var method = reader.Read(fields);
        var again = new byte[method.Size];
        var writer = new AmqpWriter(again);
        method.Write(ref writer);
        Assert.Equal(again.Length, writer.Position);
        Assert.Equal(method, reader.Read(again));
        return true;
    }

    private static void ReadHeader(byte[] payload)
    {
        var header = ContentHeader.Read(payload);
        BasicPropertiesView.Validate(header.Properties);
        var properties = BasicProperties.Decode(header.Properties);
        Assert.Equal(properties, BasicProperties.Decode(properties.Encode()));

        // Validated means that no edit fails.
        var edited = BasicPropertiesEdit.WithText(BasicPropertiesEdit.WithoutHeader(header.Properties, "BCC"u8), BasicProperty.ReplyTo, "r"u8);
        Assert.Equal(properties with { ReplyTo = "r", Headers = properties.Headers?.Without("BCC") }, BasicProperties.Decode(edited));
    }

    private static byte[] Mutate(byte[] original, Mutation[] mutations, bool isSizeRight)
    {
        var bytes = original.ToList();
        foreach (var mutation in mutations)
        {
            if (bytes.Count > 0)
            {
                mutation.Apply(bytes);
            }
        }

        // Mostly with a size that is right again, or little but the frame reader would be tested.
        if (bytes.Count > Frame.Overhead && isSizeRight)
        {
            var size = bytes.Count - Frame.Overhead;
            bytes[0] = original[0];
            (bytes[3], bytes[4], bytes[5], bytes[6]) = (0, 0, (byte)(size >> 8), (byte)size);
            bytes[^1] = Frame.End;
        }

        return [.. bytes];
    }

    private static IEnumerable<byte[]> Headers()
    {
        BasicProperties[] all =
        [
            new() { DeliveryMode = 2 },
            new() { Headers = FieldTable.Of(("BCC", new FieldArray("x")), ("n", FieldTable.Of(("f", 1.5), ("d", FieldValue.Decimal(new FieldDecimal(1, 2)))))) },
            new() { ContentType = "t", CorrelationId = "c", ReplyTo = "old", Expiration = "1", MessageId = "m", Timestamp = 1, Type = "t", AppId = "a" },
        ];
        foreach (var properties in all)
        {
            var output = new ArrayBufferWriter<byte>();
            ContentHeader.WriteFrame(output, 5, 3, properties.Encode());
            yield return output.WrittenSpan.ToArray();
        }
    }

    /// <summary>One change somewhere.</summary>
    /// <param name="Kind">Which.</param>
    /// <param name="Where">A part of the length.</param>
    /// <param name="Value">What is put there.</param>
    private sealed record Mutation(int Kind, double Where, byte Value)
    {
        public void Apply(List<byte> bytes)
        {
            var at = (int)(Where * bytes.Count);
            switch (Kind)
            {
                case 0:
                    bytes[at] ^= (byte)(1 << (Value & 7));
                    break;
                case 1:
                    bytes[at] = Value;
                    break;
                case 2:
                    bytes.Insert(at, Value);
                    break;
                case 3:
                    bytes.RemoveAt(at);
                    break;
                case 4:
                    bytes.RemoveRange(at, Value * (bytes.Count - at) / 256);
                    break;
                default:
                    // A letter in place of another: the likeliest way to a frame that is accepted and means something else.
                    bytes[at] = "StbBsuIilLfdDFAxVT"u8[Value % 18];
                    break;
            }
        }
    }
}
