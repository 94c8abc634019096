using System.Buffers;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>One <c>PublishStreamRequest</c> as it came. Whoever has read it gives its memory back, once.</summary>
internal sealed class PublishStreamPayload : IDisposable
{
    private readonly byte[] _array;
    private readonly int _length;
    private int _next;

    private PublishStreamPayload(in ReadOnlySequence<byte> payload)
    {
        _length = checked((int)payload.Length);
        _array = ArrayPool<byte>.Shared.Rent(_length);
        payload.CopyTo(_array);
    }

    /// <summary>Requests are only read, and not before the stream's session gets to them.</summary>
    public static Marshaller<PublishStreamPayload> Marshaller { get; } = Marshallers.Create<PublishStreamPayload>(
        static (_, _) => throw new NotSupportedException("requests are only read"),
        static context => new PublishStreamPayload(context.PayloadAsReadOnlySequence()));

    /// <summary>Goes on to the next message; false when there is none. It stays the current one until this is called again.</summary>
    /// <exception cref="RpcException">502: malformed.</exception>
    public bool MoveNext()
    {
        var reader = new ProtoReader(_array.AsSpan(_next.._length));
        while (reader.TryReadTag(out var field, out var type))
        {
            if ((field, type) == (PublishStreamRequest.MessagesFieldNumber, WireType.LengthDelimited))
            {
                var length = reader.ReadBytes().Length;
                _next += reader.Position;
                Current = _array.AsMemory(_next - length, length);
                return true;
            }

            reader.Skip(field, type);
        }

        return false;
    }

    /// <summary>The encoded message; valid until this is disposed of.</summary>
    public ReadOnlyMemory<byte> Current { get; private set; }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_array);
}
