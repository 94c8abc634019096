using System.Buffers;
using System.IO.Pipelines;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp;

/// <summary>
/// One open AMQP connection. A single loop reads frames; its state is touched by that loop, by queues that push (<see cref="ILinkOwner"/>), by
/// finished flushes and by the ticker, always under <see cref="LinkSet.Gate"/>. A method that needs another part of the cluster becomes the
/// operation that the loop awaits before the next frame, so that frames take effect in order.
/// </summary>
internal sealed partial class AmqpConnection : ILinkOwner
{
    // Encoded at a time: large enough to pay for a flush, small enough to be sent before it leaves the cache.
    private const int DeliveryBudget = 64 * 1024;

    // While so much is published and not yet taken by queues, the socket is not read: TCP holds the publisher.
    private const long UnacceptedLimit = 1024 * 1024;

    private static readonly TimeSpan LingerAfterClose = TimeSpan.FromSeconds(1);

    private readonly IDuplexPipe _transport;
    private readonly AmqpServer _server;
    private readonly AmqpOutput _output;
    private readonly FrameSlicer _frames;
    private readonly Heartbeat _heartbeat;
    private readonly CancellationToken _aborted;
    private readonly Action _abort;
    private readonly Dictionary<ushort, AmqpChannel> _channels = [];
    private readonly List<AmqpChannel> _confirmsDue = [];
    private readonly List<(IReplyConsumer Consumer, MessageBatch Reply)> _replies = [];
    private AmqpChannel? _lastChannel;
    private ValueTask? _operation;
    private AmqpChannel? _operationChannel;
    private bool _flushing;
    private bool _hasReceived;
    private bool _hasPublished;

    // The socket is not read for a reason of the broker's own: the client's silence says nothing.
    private volatile bool _isHeld;
    private State _state;

    private enum State
    {
        Open,

        /// <summary>connection.close was sent: everything but close and close-ok is ignored.</summary>
        Closing,

        Closed,
    }

    public AmqpConnection(IDuplexPipe transport, AmqpServer server, ConnectionTerms terms, Action abort, CancellationToken aborted)
    {
        (_transport, _server, Terms, _abort, _aborted) = (transport, server, terms, abort, aborted);
        Links = new LinkSet(server.Grains, Id, terms.Vhost, server.Clock, server.Log) { Owner = this };
        _output = new AmqpOutput(transport.Output);
        _frames = new FrameSlicer(terms.FrameMax);
        _heartbeat = new Heartbeat(terms.Heartbeat, server.Clock);
        Deliveries = new DeliveryWriter(transport.Output, terms.FrameMax);
    }

    public ConnectionId Id { get; } = ConnectionId.New();

    public ConnectionTerms Terms { get; }

    public LinkSet Links { get; }

    public DeliveryWriter Deliveries { get; }

    public SettlementBuffer Settlements { get; } = new();

    public Publisher Publisher { get; } = new();

    public PathCache<PublishPath> Paths { get; } = new();

    /// <summary>Exclusive queues declared here: they go with the connection.</summary>
    public HashSet<string> ExclusiveQueues { get; } = [];

    public Router Router => _server.Router;

    public ReplyRegistry Replies => _server.Replies;

    public AmqpOptions Options => _server.Options;

    private ILogger Log => _server.Log;

    /// <summary>Runs until the connection has ended, and leaves nothing behind.</summary>
    public async Task RunAsync()
    {
        try
        {
            await ReadLoopAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_aborted.IsCancellationRequested)
        {
            LogAborted(Log);
        }
        catch (IOException exception)
        {
            LogLost(Log, exception);
        }
        finally
        {
            lock (Links.Gate)
            {
                _state = State.Closed;
            }

            await ReleaseAsync().ConfigureAwait(false);
            await WaitForEndAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Ends the connection for a reason of the broker's own (320).</summary>
    public void ForceClose(string reason)
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                SendClose(new AmqpConnectionException(ReplyCode.ConnectionForced, reason));
                FlushOutput();
            }
        }
    }

    /// <summary>Called a few times a second.</summary>
    public void Tick()
    {
        lock (Links.Gate)
        {
            var action = _heartbeat.Tick(_hasReceived || _isHeld, _output.HasSent);
            _hasReceived = _output.HasSent = false;
            if (action == HeartbeatAction.PeerIsDead)
            {
                LogPeerIsDead(Log, Terms.Heartbeat);
                _abort();
                return;
            }

            if (action == HeartbeatAction.Send && _state != State.Closed)
            {
                _output.Pipe.Write(Frame.Heartbeat);
                FlushOutput();
            }

            if (!_hasPublished)
            {
                Publisher.Chunks.Forget();
            }

            _hasPublished = false;
        }

        Links.Tick();
    }

    /// <summary>Writes a method from wherever an operation has got to.</summary>
    public void Send<T>(ushort channel, in T method)
        where T : struct, IMethod
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                _output.Write(channel, method);
            }
        }
    }

    /// <summary>Makes the read loop await this before it goes on. Under the gate.</summary>
    public void Begin(AmqpChannel? channel, ValueTask operation)
    {
        if (operation.IsCompletedSuccessfully)
        {
            return;
        }

        (_operationChannel, _operation) = (channel, operation);
    }

    public void ConfirmsDue(AmqpChannel channel) => _confirmsDue.Add(channel);

    /// <summary>Keeps a reply until the gate is left: another connection's gate must not be taken under this one.</summary>
    public void Reply(IReplyConsumer consumer, in MessageBatch reply) => _replies.Add((consumer, reply));

    /// <summary>Takes deliveries that come from no queue.</summary>
    public void Push(AmqpConsumer consumer, in MessageBatch batch)
    {
        lock (Links.Gate)
        {
            if (_state == State.Open)
            {
                Deliveries.Add(consumer, new Core.Links.DeliverySlice(batch, 0, Redelivered: false));
                FlushOutput();
            }
        }
    }

    public void AfterLinks() => FlushOutput();

    private async Task ReadLoopAsync()
    {
        while (_state != State.Closed)
        {
            var read = await _transport.Input.ReadAsync(_aborted).ConfigureAwait(false);
            if (read.IsCanceled)
            {
                return;
            }

            var buffer = read.Buffer;
            try
            {
                while (Process(ref buffer))
                {
                    _isHeld = true;
                    await FinishOperationAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                _transport.Input.AdvanceTo(buffer.Start, buffer.End);
            }

            if (read.IsCompleted || _state == State.Closed)
            {
                return;
            }

            if (Links.Unaccepted > UnacceptedLimit)
            {
                _isHeld = true;
                await Links.WaitForRoomAsync(UnacceptedLimit / 2).WaitAsync(_aborted).ConfigureAwait(false);
            }

            if (_server.Alarm.IsRaised && _hasPublished)
            {
                _isHeld = true;
                await HoldAsync().ConfigureAwait(false);
            }

            _isHeld = false;
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

    // Handles whole frames; true when an operation must be awaited before the rest.
    private bool Process(ref ReadOnlySequence<byte> buffer)
    {
        lock (Links.Gate)
        {
            _hasReceived = true;
            try
            {
                while (_operation is null && _state != State.Closed && _frames.TryNext(ref buffer, out var type, out var channel, out var payload))
                {
                    if (!Dispatch(type, channel, payload))
                    {
                        // The frame waits for the operation and is handled once more after it.
                        _frames.Repeat();
                        break;
                    }
                }
            }
            catch (AmqpConnectionException exception)
            {
                Fail(exception);
            }
            finally
            {
                _frames.Release(ref buffer);
            }

            Publisher.Seal();
            Settlements.Emit();
            Links.Flush();
            FlushOutput();
        }

        PostReplies();
        return _operation is not null;
    }

    private bool Dispatch(FrameType type, ushort number, ReadOnlySpan<byte> payload)
    {
        if (number == 0)
        {
            OnConnectionFrame(type, payload);
            return true;
        }

        if (_state == State.Closing)
        {
            return true;
        }

        var channel = _lastChannel;
        if (channel?.Number != number && !_channels.TryGetValue(number, out channel))
        {
            OpenChannel(type, number, payload);
            return true;
        }

        _lastChannel = channel;
        try
        {
            return channel!.OnFrame(type, payload);
        }
        catch (AmqpChannelException exception)
        {
            FailChannel(channel!, exception);
            return true;
        }
    }

    private void OpenChannel(FrameType type, ushort number, ReadOnlySpan<byte> payload)
    {
        if (type == FrameType.Heartbeat)
        {
            throw new AmqpConnectionException(ReplyCode.UnexpectedFrame, $"heartbeat frame on channel {number}");
        }

        var id = type == FrameType.Method ? MethodFrame.ReadId(payload, out _) : 0;
        if (id is MethodId.ChannelCloseOk or MethodId.ChannelClose)
        {
            // The client's close and the broker's have crossed.
            if (id == MethodId.ChannelClose)
            {
                _output.Write(number, new ChannelCloseOk());
            }

            return;
        }

        if (id != MethodId.ChannelOpen)
        {
            throw new AmqpConnectionException(ReplyCode.ChannelError, "expected 'channel.open'", id);
        }

        if (number > Terms.ChannelMax || _channels.Count >= Terms.ChannelMax)
        {
            throw new AmqpConnectionException(
                ReplyCode.NotAllowed, $"number of channels opened ({_channels.Count}) has reached the negotiated channel_max ({Terms.ChannelMax})", id);
        }

        _channels.Add(number, new AmqpChannel(this, number));
        _output.Write(number, new ChannelOpenOk());
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

    private async ValueTask FinishOperationAsync()
    {
        var (operation, channel) = (_operation!.Value, _operationChannel);
        try
        {
            await operation.ConfigureAwait(false);
        }
        catch (AmqpChannelException exception) when (channel is not null)
        {
            lock (Links.Gate)
            {
                FailChannel(channel, exception);
            }
        }
        catch (AmqpException exception)
        {
            lock (Links.Gate)
            {
                Fail(exception);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogOperationFailed(Log, exception);
            lock (Links.Gate)
            {
                Fail(new AmqpConnectionException(ReplyCode.InternalError, exception.Message, 0, exception));
            }
        }
        finally
        {
            _operation = null;
        }
    }

    private async ValueTask CloseByClientAsync()
    {
        await ReleaseAsync().ConfigureAwait(false);
        lock (Links.Gate)
        {
            _output.Write(0, new ConnectionCloseOk());
            _state = State.Closed;
            FlushOutput();
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

    private void FailChannel(AmqpChannel channel, AmqpChannelException exception)
    {
        if (_state != State.Open || channel.IsClosing)
        {
            return;
        }

        LogChannelFailed(Log, channel.Number, exception.Text);
        channel.Release();
        channel.IsClosing = true;
        _output.Write(channel.Number, new ChannelClose(exception.ReplyCode, exception.Text, exception.ClassId, exception.MethodId));
    }

    /// <summary>The channel's number is free again.</summary>
    public void Forget(AmqpChannel channel)
    {
        _channels.Remove(channel.Number);
        _lastChannel = null;
    }

    private async ValueTask ReleaseAsync()
    {
        lock (Links.Gate)
        {
            foreach (var channel in _channels.Values)
            {
                channel.Release();
            }

            _channels.Clear();
            _lastChannel = null;
            Publisher.Seal();
            Settlements.Emit();
        }

        await Links.CloseAsync().ConfigureAwait(false);
        foreach (var queue in ExclusiveQueues)
        {
            await GrainCalls.RetryAsync(() => Links.Queue(queue).DeleteAsync(Id, ifUnused: false, ifEmpty: false)).ConfigureAwait(false);
        }

        ExclusiveQueues.Clear();
    }

    // Memory is short: this connection publishes, so it is not read until that is over. Its client is told if it can listen.
    private async ValueTask HoldAsync()
    {
        lock (Links.Gate)
        {
            if (Terms.Capabilities.ConnectionBlocked && _state == State.Open)
            {
                _output.Write(0, new ConnectionBlocked(_server.Alarm.Reason));
                FlushOutput();
            }
        }

        await _server.Alarm.WaitUntilClearAsync(_aborted).ConfigureAwait(false);
        lock (Links.Gate)
        {
            if (Terms.Capabilities.ConnectionBlocked && _state == State.Open)
            {
                _output.Write(0, new ConnectionUnblocked());
                FlushOutput();
            }
        }
    }

    public void NotePublished() => _hasPublished = true;

    private void PostReplies()
    {
        if (_replies.Count == 0)
        {
            return;
        }

        foreach (var (consumer, reply) in _replies)
        {
            consumer.Receive(reply);
        }

        _replies.Clear();
    }

    // Writes what is due and sends it, unless a flush is under way: then its end comes here again.
    private void FlushOutput()
    {
        while (!_flushing)
        {
            foreach (var channel in _confirmsDue)
            {
                channel.WriteConfirms(_output);
            }

            _confirmsDue.Clear();
            Deliveries.WriteSome(DeliveryBudget);
            if (_output.Pipe.UnflushedBytes == 0)
            {
                return;
            }

            var flush = _output.FlushAsync();
            if (!flush.IsCompleted)
            {
                _flushing = true;
                _ = FinishFlushAsync(flush.AsTask());
            }
            else if (!Sent(flush))
            {
                return;
            }
        }
    }

    private async Task FinishFlushAsync(Task<FlushResult> flush)
    {
        await ((Task)flush).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (Links.Gate)
        {
            if (Sent(new ValueTask<FlushResult>(flush)))
            {
                _flushing = false;
                FlushOutput();
                Links.Flush();
            }
        }
    }

    // False when the client is gone; nothing is written any more then.
    private bool Sent(ValueTask<FlushResult> flush)
    {
        if (flush.IsCompletedSuccessfully && flush.Result is { IsCompleted: false, IsCanceled: false })
        {
            return true;
        }

        _flushing = true;
        _state = State.Closed;
        _transport.Input.CancelPendingRead();
        return false;
    }
}
