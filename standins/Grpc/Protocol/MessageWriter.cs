using System.Buffers;
using System.Buffers.Binary;
using Grpc.Core;

namespace Grpc.Protocol;

/// <summary>Writes length-prefixed messages; those whose size is announced go to the output without a copy.</summary>
internal sealed class MessageWriter<T>(IBufferWriter<byte> output, Marshaller<T> marshaller, int? limit) : SerializationContext
    where T : class
{
    public const int PrefixSize = 5;

    private ArrayBufferWriter<byte>? _gathered;
    private bool _announced;
    private bool _complete;

    public void Write(T message)
    {
        _announced = false;
        _complete = false;
        _gathered?.ResetWrittenCount();
        marshaller.ContextualSerializer(message, this);
        if (!_complete)
        {
            throw new InvalidOperationException("The marshaller did not complete the message.");
        }
    }

    public override void SetPayloadLength(int payloadLength)
    {
        // One byte for compression (never), four for the length, big-endian.
        if (payloadLength > limit)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, "Sending message exceeds the maximum configured message size."));
        }

        var prefix = output.GetSpan(PrefixSize);
        prefix[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[1..], (uint)payloadLength);
        output.Advance(PrefixSize);
        _announced = true;
    }

    public override IBufferWriter<byte> GetBufferWriter() => _announced ? output : _gathered ??= new ArrayBufferWriter<byte>();

    public override void Complete(byte[] payload)
    {
        SetPayloadLength(payload.Length);
        output.Write(payload);
        _complete = true;
    }

    public override void Complete()
    {
        if (!_announced)
        {
            var payload = _gathered is null ? default : _gathered.WrittenSpan;
            SetPayloadLength(payload.Length);
            output.Write(payload);
        }

        _complete = true;
    }
}
