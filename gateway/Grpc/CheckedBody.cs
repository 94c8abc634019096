using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Granary.Gateway.Grpc.Access;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Gateway.Grpc;

/// <summary>
/// The body of a call, of which the beginning of each message is looked at before the library does: it fails, as if that were the broker's fault, at a message that is neither
/// compressed nor not, and at one that says it has 2 GiB or more. It takes messages as a whole, so that each read begins with the beginning of one.
/// </summary>
internal sealed class CheckedBody(PipeReader body) : PipeReader, IRequestBodyPipeFeature
{
    /// <summary>Whether it is compressed (0 or 1), and its length.</summary>
    private const int PrefixSize = 5;

    public PipeReader Reader => this;

    public override void AdvanceTo(SequencePosition consumed) => body.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => body.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => body.CancelPendingRead();

    public override void Complete(Exception? exception = null) => body.Complete(exception);

    public override bool TryRead(out ReadResult result)
    {
        if (!body.TryRead(out result))
        {
            return false;
        }

        Check(result);
        return true;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = body.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Check(read.Result)) : CheckAsync(read);
    }

    private async ValueTask<ReadResult> CheckAsync(ValueTask<ReadResult> read) => Check(await read.ConfigureAwait(false));

    private ReadResult Check(ReadResult result)
    {
        if (result.Buffer.Length < PrefixSize)
        {
            return result;
        }

        Span<byte> prefix = stackalloc byte[PrefixSize];
        result.Buffer.Slice(0, PrefixSize).CopyTo(prefix);
        if (prefix[0] > 1)
        {
            throw Refuse(result, CallErrors.Malformed("a message begins with 0 or 1"));
        }

        return BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]) > int.MaxValue
            ? throw Refuse(result, new RpcException(new Status(StatusCode.ResourceExhausted, "the message is larger than any may be")))
            : result;
    }

    private RpcException Refuse(ReadResult result, RpcException refusal)
    {
        body.AdvanceTo(result.Buffer.Start);
        return refusal;
    }
}
