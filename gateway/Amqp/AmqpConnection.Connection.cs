using Granary.Amqp;
using Granary.Amqp.Methods;

namespace Granary.Gateway.Amqp;

/// <summary>The methods of the class connection, and how a connection ends.</summary>
internal sealed partial class AmqpConnection
{
    private static readonly TimeSpan LingerAfterClose = TimeSpan.FromSeconds(1);

    /// <summary>Ends the connection for a reason of the broker's own (320).</summary>
    public void ForceClose(string reason)
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                SendClose(new AmqpConnectionException(ReplyCode.ConnectionForced, reason));
                _output.Flush();
            }
        }
    }

    private void OnConnectionFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        if (type == FrameType.Heartbeat)
        {
            return;
        }

        if (type != FrameType.Method)
        {
            if (_state == State.Open)
            {
                throw new AmqpConnectionException(ReplyCode.UnexpectedFrame, $"unexpected frame of type {(int)type} on channel 0");
            }

            return;
        }

        var id = MethodFrame.ReadId(payload, out var fields);
        switch (id)
        {
            case MethodId.ConnectionClose:
                _ = MethodFrame.Read<ConnectionClose>(fields);
                Begin(null, CloseByClientAsync());
                break;
            case MethodId.ConnectionCloseOk when _state == State.Closing:
                _state = State.Closed;
                break;
            case MethodId.ConnectionUpdateSecret when _state == State.Open:
                _ = MethodFrame.Read<ConnectionUpdateSecret>(fields);
                _output.Write(0, new ConnectionUpdateSecretOk());
                break;
            default:
                if (_state == State.Open)
                {
                    throw MethodId.Name(id) is null
                        ? new AmqpConnectionException(ReplyCode.CommandInvalid, "unimplemented method", id)
                        : new AmqpConnectionException(ReplyCode.ChannelError, "unexpected method in connection state running", id);
                }

                break;
        }
    }

    private async ValueTask CloseByClientAsync()
    {
        // A queue that is out of reach does not keep the client; what is to be told to it is told when it can be.
        await ReleaseAsync().WaitAsync(Options.CloseTimeout / 2, Clock, Gone)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (Links.Gate)
        {
            _output.Write(0, new ConnectionCloseOk());
            _state = State.Closed;
            _output.Flush();
        }
    }

    // An error that ends the connection: what it owns goes first, as in RabbitMQ, then the client is told and waited for.
    private void Fail(AmqpException exception)
    {
        if (_state != State.Open)
        {
            return;
        }

        LogFailed(Log, exception.Text);
        SendClose(exception);
    }

    private void SendClose(AmqpException exception)
    {
        _output.Write(0, new ConnectionClose(exception.ReplyCode, exception.Text, exception.ClassId, exception.MethodId));
        _state = State.Closing;
        foreach (var channel in _channels.Values)
        {
            channel.Release();
        }

        _channels.Clear();
        _lastChannel = null;
        _ = AbortLaterAsync();
    }

    private async Task AbortLaterAsync()
    {
        await Task.Delay(Options.CloseTimeout, _server.Clock, _aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_state == State.Closing)
        {
            _abort();
        }
    }

    // After close-ok the client closes the socket. If the broker did, frames still on their way would turn into a reset at the client.
    private async ValueTask WaitForEndAsync()
    {
        using var patience = new CancellationTokenSource(LingerAfterClose, _server.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, _aborted);
        try
        {
            while (true)
            {
                var read = await _transport.Input.ReadAsync(either.Token).ConfigureAwait(false);
                _transport.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted || read.IsCanceled)
                {
                    return;
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            LogAborted(Log);
        }
    }

    // Memory, the disk or the store is short: this connection publishes, so it is not read until that is over. Its client is told if it can listen.
    private async ValueTask HoldAsync()
    {
        lock (Links.Gate)
        {
            if (Terms.Capabilities.ConnectionBlocked && _state == State.Open)
            {
                _output.Write(0, new ConnectionBlocked(_server.Alarms.Reason));
                _output.Flush();
            }
        }

        await _server.Alarms.WaitUntilClearAsync(Gone).ConfigureAwait(false);
        lock (Links.Gate)
        {
            if (Terms.Capabilities.ConnectionBlocked && _state == State.Open)
            {
                _output.Write(0, new ConnectionUnblocked());
                _output.Flush();
            }
        }
    }
}
