using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Grains;
using Granary.Core.Topology;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Links;

namespace Granary.Gateway.Amqp;

/// <summary>The methods of the class connection, and how a connection ends.</summary>
internal sealed partial class AmqpConnection
{
    private static readonly TimeSpan LingerAfterClose = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan OwnQueuesWait = TimeSpan.FromSeconds(1);

    /// <summary>Ends the connection for a reason of the broker's own (320), and lets go of what it has at queues.</summary>
    public void ForceClose(string reason)
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                var error = new AmqpConnectionException(ReplyCode.ConnectionForced, reason);
                End(ConnectionEnd.ClosedByBroker, error.Text);
                _ = CloseAsync(error);
            }
        }
    }

    private void OnConnectionFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        if (type == FrameType.Heartbeat)
        {
            if (_state == State.Open)
            {
                UnexpectedFrame.CheckHeartbeat(payload);
            }

            return;
        }

        if (type != FrameType.Method)
        {
            if (_state == State.Open)
            {
                throw UnexpectedFrame.Error(type, payload);
            }

            return;
        }

        var id = MethodFrame.ReadId(payload, out var fields);
        switch (id)
        {
            case MethodId.ConnectionClose:
                _ = MethodFrame.Read<ConnectionClose>(fields);
                End(ConnectionEnd.ClosedByClient);
                Begin(null, CloseByClientAsync());
                break;
            case MethodId.ConnectionCloseOk when _state == State.Closing:
                _state = State.Closed;
                break;
            case MethodId.ConnectionUpdateSecret when _state == State.Open:
                Begin(null, UpdateSecretAsync(MethodFrame.Read<ConnectionUpdateSecret>(fields)));
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
        await ReleaseInTimeAsync().ConfigureAwait(false);
        lock (Links.Gate)
        {
            _output.Write(0, new ConnectionCloseOk());
            _state = State.Closed;
            _output.Flush();
        }
    }

    // A queue that is out of reach does not keep the client: what is to be told to it is told when it can be. A member that was declared dead reaches none.
    private async Task ReleaseInTimeAsync()
    {
        var released = ReleaseAsync();
        if (!_server.Lease.HasEnded)
        {
            await released.WaitAsync(Options.CloseTimeout / 2, Clock, Gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // Once, whoever comes first.
    private Task ReleaseAsync()
    {
        lock (Links.Gate)
        {
            if (_released is null)
            {
                EndChannels(_channels.ReleaseAll());
                Publisher.Seal();
                Settlements.Emit();
                _released = LetGoAsync();
            }

            return _released;
        }
    }

    private async Task LetGoAsync()
    {
        try
        {
            var closed = Links.CloseAsync();

            // Nobody else can have an exclusive queue before it is gone: it does not wait for long for queues that do not answer.
            await closed.WaitAsync(OwnQueuesWait, Clock, _server.Impatient).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var grains = new GrainCalls(_server.Grains, Terms.Vhost, Clock, Options.OperationTimeout, Log, _server.Impatient);
            await Exclusive.DeleteAllAsync((name, incarnation) => grains.QueueAsync(name, queue => DeleteOwnAsync(queue, incarnation)))
                .WaitAsync(_server.Impatient).ConfigureAwait(false);
            await closed.WaitAsync(_server.Impatient).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            LogNotLetGo(Log);
        }
        catch (Exception exception)
        {
            LogNotReleased(Log, exception, _peer);
        }
    }

    // The client's own may be gone, deleted automatically for instance, and one that is everybody's may have the name now.
    private async ValueTask<QueueAnswer> DeleteOwnAsync(IQueueGrain queue, Guid incarnation)
    {
        if (incarnation != default)
        {
            var there = await queue.DescribeAsync(Id).ConfigureAwait(false);
            if (there.Error is not null || there.Incarnation != incarnation)
            {
                return there;
            }
        }

        return await queue.DeleteAsync(Id, ifUnused: false, ifEmpty: false).ConfigureAwait(false);
    }

    // The one ladder for whatever fails: an error of a channel closes that, one of the connection closes it, and all else is an end with its reason.
    // True when the socket is to be read on.
    private async ValueTask<bool> ReadUntilFailureAsync()
    {
        try
        {
            await ReadLoopAsync().ConfigureAwait(false);
            return OnEndOfInput();
        }
        catch (AmqpChannelException error) when (_current is { } channel)
        {
            return OnChannelError(channel, error);
        }
        catch (AmqpException error)
        {
            return await OnConnectionErrorAsync(error, error.ReplyCode == ReplyCode.InternalError ? ConnectionEnd.InternalError : ConnectionEnd.ClientError)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_gone.IsCancellationRequested)
        {
            return OnLost(ConnectionEnd.Aborted, null);
        }
        catch (OperationCanceledException)
        {
            // A commit of a channel that was closed meanwhile.
            LogOperationAbandoned(Log);
            return true;
        }
        catch (IOException exception) when (_operation is null)
        {
            return OnLost(ConnectionEnd.SocketFailed, exception);
        }
        catch (Exception exception)
        {
            return await OnConnectionErrorAsync(new AmqpConnectionException(ReplyCode.InternalError, exception.Message, 0, exception), ConnectionEnd.InternalError)
                .ConfigureAwait(false);
        }
        finally
        {
            _operation = null;
        }
    }

    private void End(ConnectionEnd reason, string detail = "", Exception? exception = null)
    {
        if (_end is null)
        {
            _end = reason;
            _server.Ends.Add(reason, _peer, detail, exception);
        }
    }

    private bool OnChannelError(AmqpChannel channel, AmqpChannelException error)
    {
        lock (Links.Gate)
        {
            FailChannel(channel, error);
            Flush();
            return true;
        }
    }

    private async ValueTask<bool> OnConnectionErrorAsync(AmqpException error, ConnectionEnd reason)
    {
        Task told;
        lock (Links.Gate)
        {
            if (_state != State.Open)
            {
                // Of a stream that is out of step not even a close-ok is to be expected. What fails even then is the end.
                var goesOn = !_isDeaf;
                _isDeaf |= _operation is null;
                return goesOn;
            }

            End(reason, error.Text, error.InnerException);
            told = CloseAsync(error);
        }

        await told.ConfigureAwait(false);
        return true;
    }

    private bool OnEndOfInput()
    {
        lock (Links.Gate)
        {
            End(ConnectionEnd.ClientGone);
            return false;
        }
    }

    private bool OnLost(ConnectionEnd reason, Exception? exception)
    {
        lock (Links.Gate)
        {
            End(reason, exception: exception);
            return false;
        }
    }

    private void OnOutputLost()
    {
        End(ConnectionEnd.ClientGone);
        _state = State.Closed;
        _transport.Input.CancelPendingRead();
    }

    // What the connection owns goes first, as in RabbitMQ: exclusive queues are gone when the client is told. Then it is waited for. To be called under the gate.
    private async Task CloseAsync(AmqpException error)
    {
        _state = State.Closing;
        _ = AbortLaterAsync();
        var owns = !Exclusive.IsEmpty;
        var released = ReleaseInTimeAsync();
        if (owns)
        {
            await released.ConfigureAwait(false);
        }

        lock (Links.Gate)
        {
            // A client that ended the connection meanwhile knows.
            if (_state == State.Closing)
            {
                _output.Write(0, new ConnectionClose(error.ReplyCode, error.Text, error.ClassId, error.MethodId));
                _output.Flush();
            }
        }
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
            LogNotWaitedFor(Log, _peer);
        }
    }
}
