using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Grpc.Core;

namespace Grpc.Protocol;

/// <summary>Reads length-prefixed messages straight from a pipe.</summary>
/// <param name="limit">Bytes of one message as sent; null for none.</param>
/// <param name="open">Gives the content of a compressed message; null where none was asked for.</param>
internal sealed class MessageReader<T>(
    PipeReader input, Marshaller<T> marshaller, int? limit, Func<ReadOnlySequence<byte>, ReadOnlySequence<byte>>? open = null) : DeserializationContext
    where T : class
{
    private const int PrefixSize = 5;

    private ReadOnlySequence<byte> _payload;

    /// <summary>The last message read.</summary>
    public T? Current { get; private set; }

    public override int PayloadLength => (int)_payload.Length;

    /// <summary>False at the end of the stream; throws <see cref="RpcException"/> for what is no message, or one too large.</summary>
    public ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
        => input.TryRead(out var result) && TryTake(result, out var found) ? new ValueTask<bool>(found) : ReadSlowAsync(cancellationToken);

    public override byte[] PayloadAsNewBuffer() => _payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => _payload;

    private async ValueTask<bool> ReadSlowAsync(CancellationToken cancellationToken)
    {
        bool found;
        while (!TryTake(await input.ReadAsync(cancellationToken).ConfigureAwait(false), out found))
        {
        }

        return found;
    }

    /// <summary>False: not enough bytes yet. Else found says whether there was a message or the end.</summary>
    private bool TryTake(ReadResult result, out bool found)
    {
        found = false;
        var buffer = result.Buffer;
        if (result.IsCanceled)
        {
            input.AdvanceTo(buffer.Start);
            throw new OperationCanceledException();
        }

        if (buffer.Length >= PrefixSize)
        {
            var (length, compressed) = ReadPrefix(buffer);
            if (buffer.Length - PrefixSize >= length)
            {
                var message = buffer.Slice(PrefixSize, length);
                _payload = compressed ? Open(message) : message;
                Deserialize();
                input.AdvanceTo(message.End);
                _payload = default;
                found = true;
                return true;
            }
        }

        if (!result.IsCompleted)
        {
            input.AdvanceTo(buffer.Start, buffer.End);
            return false;
        }

        input.AdvanceTo(buffer.Start, buffer.End);
        return buffer.IsEmpty ? true : throw new RpcException(new Status(StatusCode.Internal, "Incomplete message."));
    }

    private (long Length, bool Compressed) ReadPrefix(ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[PrefixSize];
        buffer.Slice(0, PrefixSize).CopyTo(prefix);

        // As with the original these two are no statuses: a server answers UNKNOWN.
        if (prefix[0] > 1)
        {
            throw new InvalidDataException("Unexpected compressed flag value in message header.");
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        if (length > int.MaxValue)
        {
            throw new IOException($"Message too large: {length}");
        }

        if (length > (limit ?? int.MaxValue))
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted, "Received message exceeds the maximum configured message size."));
        }

        return (length, prefix[0] == 1);
    }

    private ReadOnlySequence<byte> Open(ReadOnlySequence<byte> message) => open is not null
        ? open(message)
        : throw new RpcException(new Status(StatusCode.Internal, "Request did not include grpc-encoding value with compressed message."));

    private void Deserialize()
    {
        try
        {
            Current = marshaller.ContextualDeserializer(this);
        }
        catch (Exception exception) when (exception is not RpcException)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The message could not be deserialized.", exception));
        }
    }
}
