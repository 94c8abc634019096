using System.Buffers;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Gateway.Amqp.Publishing;

namespace Granary.Gateway.Amqp;

/// <summary>The loop that reads the socket: when it is read, and which frame goes where.</summary>
internal sealed partial class AmqpConnection
{
    private async Task ReadLoopAsync()
    {
        while (_state != State.Closed)
        {
            _hold.Reason = HoldReason.None;
            var read = await _transport.Input.ReadAsync(_aborted).ConfigureAwait(false);
            if (read.IsCanceled)
            {
                return;
            }

            var buffer = read.Buffer;
            var isTaken = false;
            try
            {
                while (Process(ref buffer))
                {
                    _hold.Reason = _waitsForMemory ? HoldReason.Limits : HoldReason.Operation;
                    await FinishOperationAsync().ConfigureAwait(false);
                    await WaitForReaderAsync().ConfigureAwait(false);
                }

                isTaken = true;
            }
            finally
            {
                // Behind a frame that failed are others, which are not to wait for the client to send more.
                var isEmpty = buffer.IsEmpty;
                _transport.Input.AdvanceTo(buffer.Start, isTaken ? buffer.End : buffer.Start);
                lock (Links.Gate)
                {
                    _body.Aim(nothingElseWaits: isEmpty);
                }
            }

            if (read.IsCompleted || _state == State.Closed)
            {
                return;
            }

            await WaitForReaderAsync().ConfigureAwait(false);
            // While so much is on its way the socket is not read: TCP holds the publisher.
            if (!Links.IsWithin(PublishLimits.Connection))
            {
                _hold.Reason = HoldReason.Limits;
                await Links.WaitForRoomAsync(PublishLimits.Connection.Half).WaitAsync(Gone).ConfigureAwait(false);
            }

            if (_replies.IsHeld)
            {
                _hold.Reason = HoldReason.Limits;
                await _replies.WaitForRoomAsync().WaitAsync(Gone).ConfigureAwait(false);
            }

            if (_pace.IsPauseDue(Links.Published, Links.Backlog))
            {
                await Task.Delay(PublisherPace.Pause, _server.Clock, Gone).ConfigureAwait(false);
            }

            if (_server.Alarms.IsRaised && _hasPublished && !HasTurn)
            {
                _hold.Reason = HoldReason.Limits;
                await HoldAsync().ConfigureAwait(false);
            }
        }
    }

    // Handles whole frames; true when an operation must be awaited before the rest.
    private bool Process(ref ReadOnlySequence<byte> buffer)
    {
        if (_isDeaf)
        {
            buffer = buffer.Slice(buffer.End);
            return false;
        }

        Paths.BeginMessages();
        _mayRoute = !_server.Lease.IsOver;
        try
        {
            lock (Links.Gate)
            {
                _hasReceived = true;
                try
                {
                    _body.TakeAimed();
                    do
                    {
                        HandleWhole(ref buffer);
                    }
                    while (_operation is null && _state != State.Closed && TakeBody(ref buffer));
                }
                finally
                {
                    _frames.Release(ref buffer);
                    Flush();
                }
            }
        }
        finally
        {
            _replies.Send();
        }

        return _operation is not null;
    }

    private void HandleWhole(ref ReadOnlySequence<byte> buffer)
    {
        while (_operation is null && _state != State.Closed && !_body.IsUnderWay && _frames.TryNext(ref buffer, out var type, out var channel, out var payload))
        {
            if (!Dispatch(type, channel, payload))
            {
                // The frame waits for the operation and is handled once more after it: at once if it has ended already, as nothing more may come.
                _frames.Repeat();
            }
        }
    }

    // True when a body frame has ended that was too large to be waited for.
    private bool TakeBody(ref ReadOnlySequence<byte> buffer)
    {
        if (!_body.IsUnderWay)
        {
            if (_state != State.Open || !_frames.IsBody(buffer, out var number, out var length)
                || !_channels.TryFind(number, out var channel) || channel.BodyIntake is not { } intake)
            {
                return false;
            }

            _current = channel;
            _body.Begin(intake, length);
            _frames.BeginBody();
        }

        return _body.TryTake(_frames, ref buffer);
    }

    private bool Dispatch(FrameType type, ushort number, ReadOnlySpan<byte> payload)
    {
        _current = null;
        if (number == 0)
        {
            OnConnectionFrame(type, payload);
            return true;
        }

        if (_state == State.Closing)
        {
            return true;
        }

        if (type == FrameType.Heartbeat)
        {
            UnexpectedFrame.CheckHeartbeat(payload);
            throw UnexpectedFrame.Error(type, payload);
        }

        if (!_channels.TryFind(number, out var channel))
        {
            OpenChannel(type, number, payload);
            return true;
        }

        _current = channel;
        return channel.OnFrame(type, payload);
    }

    private void OpenChannel(FrameType type, ushort number, ReadOnlySpan<byte> payload)
    {
        _channels.CheckRoom();
        var id = type == FrameType.Method ? MethodFrame.ReadId(payload, out _) : 0;
        if (id != MethodId.ChannelOpen)
        {
            throw new AmqpConnectionException(ReplyCode.ChannelError, "expected 'channel.open'", id);
        }

        _channels.Add(new AmqpChannel(this, number));
        _server.Channels.Begin();
        _server.Clients.AddChannels(Terms.User, 1);
        if (Rights.Current?.User?.Limits.MaxChannels is >= 0 and var most)
        {
            Begin(null, OpenLimitedAsync(number, most));
        }
        else
        {
            _output.Write(number, new ChannelOpenOk());
        }
    }

    // Not held for a reason of the broker's own: a client that reads nothing for two heartbeats is as good as dead.
    private async ValueTask WaitForReaderAsync()
    {
        while (IsBackedUp)
        {
            _hold.Reason = HoldReason.None;
            await _output.WaitForRoomAsync().WaitAsync(Gone).ConfigureAwait(false);
        }
    }

    private async ValueTask FinishOperationAsync()
    {
        _current = _operationChannel;
        await _operation!.Value.ConfigureAwait(false);
        _operation = null;
        _waitsForMemory = false;
    }
}
