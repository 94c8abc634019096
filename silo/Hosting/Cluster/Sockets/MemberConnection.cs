using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Granary.Silo.Hosting.Cluster.Sockets;

/// <summary>
/// A TCP connection between two members. It reads and writes <see cref="BufferSize"/> at a time where Orleans' own has 4 KiB, and on the thread that
/// uses it, without a thread between the socket and the runtime: docs/decisions/0020.
/// </summary>
internal sealed class MemberConnection : DefaultConnectionContext
{
    /// <summary>Bytes. What one packet of messages usually is; small enough not to be a large object, which would be cleared and collected as one.</summary>
    private const int BufferSize = 64 * 1024;

    private readonly NetworkStream _stream;
    private int _isEnded;

    public MemberConnection(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        (LocalEndPoint, RemoteEndPoint) = (socket.LocalEndPoint, socket.RemoteEndPoint);
        Transport = new Pipes(
            PipeReader.Create(_stream, new StreamPipeReaderOptions(bufferSize: BufferSize, minimumReadSize: BufferSize / 4, leaveOpen: true)),
            PipeWriter.Create(_stream, new StreamPipeWriterOptions(minimumBufferSize: BufferSize, leaveOpen: true)));
    }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        End();

        // Tells whoever waits for the end of the connection.
        base.Abort(abortReason);
    }

    public override ValueTask DisposeAsync()
    {
        End();
        return base.DisposeAsync();
    }

    private void End()
    {
        if (Interlocked.Exchange(ref _isEnded, 1) == 0)
        {
            _stream.Dispose();
        }
    }

    private sealed class Pipes(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
