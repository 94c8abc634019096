using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using Granary.Core.Messages;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Tls;

/// <summary>
/// Encrypts what is written when it is flushed, or when a block is full, on the thread that writes. No memory is held after a flush: what the client has not taken waits encrypted.
/// </summary>
internal sealed class TlsOutput(SslStream tls, EncryptedStream stream, PipeWriter encrypted) : PipeWriter, ILendingWriter
{
    private const int BlockSize = 32 * 1024;

    private byte[]? _block;
    private int _written;
    private long _unflushed;

    // Nothing is encrypted any more. Under the gate.
    private bool _isLost;

    /// <summary>Where what is encrypted goes, and is sent from.</summary>
    public PipeWriter Encrypted => encrypted;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    /// <summary>Whether memory of the pool is held.</summary>
    internal bool HoldsBlock => _block is not null;

    public override Memory<byte> GetMemory(int sizeHint = 0) => Reserve(sizeHint).AsMemory(_written);

    public override Span<byte> GetSpan(int sizeHint = 0) => Reserve(sizeHint).AsSpan(_written);

    public override void Advance(int bytes)
    {
        _written += bytes;
        _unflushed += bytes;
    }

    public void Lend(ReadOnlyMemory<byte> octets, LargeRecord? owner)
    {
        EncryptBlock();
        Encrypt(octets);
        _unflushed += octets.Length;
        owner?.LetGo();
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        EncryptBlock();
        _unflushed = 0;
        Release();
        lock (stream.Gate)
        {
            return _isLost ? ValueTask.FromResult(new FlushResult(false, isCompleted: true)) : encrypted.FlushAsync(cancellationToken);
        }
    }

    public override void CancelPendingFlush() => throw new NotSupportedException("Cut the connection instead.");

    /// <summary>Nothing is encrypted from here on, whoever still writes.</summary>
    public override void Complete(Exception? exception = null)
    {
        lock (stream.Gate)
        {
            _isLost = true;
        }
    }

    private void EncryptBlock()
    {
        if (_written > 0)
        {
            Encrypt(_block.AsMemory(0, _written));
            _written = 0;
        }
    }

    private void Encrypt(ReadOnlyMemory<byte> octets)
    {
        lock (stream.Gate)
        {
            if (_isLost)
            {
                return;
            }

            try
            {
                // It is complete at once, as the stream beneath takes all it is given.
                tls.WriteAsync(octets).GetAwaiter().GetResult();
            }
            catch (Exception exception) when (exception is IOException or InvalidOperationException or AuthenticationException)
            {
                // The connection has failed, which whoever reads it learns with the reason.
                _isLost = true;
            }
        }
    }

    private byte[] Reserve(int size)
    {
        if (_block is { } block && block.Length - _written < Math.Max(size, 1))
        {
            EncryptBlock();
            if (block.Length < size)
            {
                Release();
            }
        }

        return _block ??= ArrayPool<byte>.Shared.Rent(Math.Max(size, BlockSize));
    }

    private void Release()
    {
        if (_block is { } block)
        {
            _block = null;
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}
