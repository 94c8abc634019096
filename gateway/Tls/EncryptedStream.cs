using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Granary.Core.Threads;

namespace Granary.Gateway.Tls;

/// <summary>
/// What TLS reads from and writes to: a connection's transport as a stream. While the handshake lasts, what is written is sent at once, and the work is done on the pool, for a
/// signature takes as long as hundreds of messages. Later, what is encrypted waits for a flush of <see cref="TlsOutput"/>, so that writing never waits.
/// </summary>
internal sealed class EncryptedStream(PipeReader input, PipeWriter output) : Stream
{
    private bool _isOpen;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Guards the output against those who write and those who, reading, have something to answer.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The handshake is over.</summary>
    public void Open() => _isOpen = true;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = input.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<int>(Take(read.Result, buffer)) : WaitAsync(read, buffer);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (Gate)
        {
            output.Write(buffer.Span);
            return _isOpen ? ValueTask.CompletedTask : SendAsync(output.FlushAsync(cancellationToken));
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Nothing waits for a socket.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Nothing waits for a socket.");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static async ValueTask SendAsync(ValueTask<FlushResult> flush)
    {
        if (await flush.ConfigureAwait(false) is { IsCompleted: true })
        {
            throw new IOException("The client was gone before TLS was agreed on.");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> WaitAsync(ValueTask<ReadResult> read, Memory<byte> buffer)
    {
        var result = await read.ConfigureAwait(false);
        if (!_isOpen)
        {
            await OwnThread.Leave();
        }

        return Take(result, buffer);
    }

    // Nothing is taken for a buffer without room: who asks with one waits until there is something, or the end.
    private int Take(in ReadResult read, Memory<byte> buffer)
    {
        var taken = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, buffer.Length));
        taken.CopyTo(buffer.Span);
        input.AdvanceTo(taken.End);
        return (int)taken.Length;
    }
}
