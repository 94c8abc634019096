using Granary.Amqp.Methods;
using Granary.Core.Alarms;
using Granary.Core.Messages;

namespace Granary.Gateway.Amqp;

/// <summary>
/// What a publisher waits for while memory, the disk or the store is short. Publishers that are held in the middle of large messages may be what has the
/// memory: so while memory is short, one of them at a time completes its message.
/// </summary>
internal sealed partial class AmqpConnection
{
    // Room that is missing for a moment only, without an alarm, is looked for again after this.
    private static readonly TimeSpan MemoryPause = TimeSpan.FromMilliseconds(20);

    // A client that is slower than this with the rest of its message lets others go first.
    private static readonly TimeSpan LongestTurn = TimeSpan.FromSeconds(5);

    private bool _isToldBlocked;
    private bool _waitsForMemory;
    private long _turnSince;

    /// <summary>It is the one that may complete its message although memory is short. Under the gate.</summary>
    public bool HasTurn { get; private set; }

    private bool HasPartOfLargeMessage => _channels.All.Any(static channel => channel.BodyIntake is { Content.Large: not null });

    /// <summary>There is no memory for what has come: the frame is to be handled again when there may be. Under the gate.</summary>
    public void BeginWaitForMemory(AmqpChannel channel)
    {
        _waitsForMemory = true;
        Begin(channel, WaitForMemoryAsync());
    }

    /// <summary>A message has come as a whole. Under the gate.</summary>
    public void EndTurn()
    {
        if (HasTurn)
        {
            HasTurn = false;
            _server.Completing.Release();
        }
    }

    private async ValueTask WaitForMemoryAsync()
    {
        // Who raises an alarm must have no lock.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        LargeRecordPool.Shared.AskForRoom();
        if (_server.Alarms.IsRaised && !HasTurn)
        {
            await HoldAsync().ConfigureAwait(false);
        }
        else
        {
            await Task.Delay(MemoryPause, _server.Clock, Gone).ConfigureAwait(false);
        }
    }

    // This connection publishes, so it is not read until that is over, or until it is its turn. Its client is told if it can listen.
    private async ValueTask HoldAsync()
    {
        bool mayComplete;
        lock (Links.Gate)
        {
            if (Terms.Capabilities.ConnectionBlocked && _state == State.Open && !_isToldBlocked)
            {
                _isToldBlocked = true;
                _output.Write(0, new ConnectionBlocked(_server.Alarms.Reason));
                _output.Flush();
            }

            mayComplete = HasPartOfLargeMessage && _server.Alarms.Own.Raised.Contains(PublisherAlarm.Memory);
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(Gone);
        var clear = _server.Alarms.WaitUntilClearAsync(over.Token);
        if (mayComplete)
        {
            var turn = _server.Completing.WaitAsync(over.Token);
            await Task.WhenAny(clear, turn).ConfigureAwait(false);
            await over.CancelAsync().ConfigureAwait(false);
            await turn.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (turn.IsCompletedSuccessfully)
            {
                BeginTurn();
            }

            Gone.ThrowIfCancellationRequested();
        }
        else
        {
            await clear.ConfigureAwait(false);
        }

        lock (Links.Gate)
        {
            TellUnblocked();
        }
    }

    private void BeginTurn()
    {
        lock (Links.Gate)
        {
            (HasTurn, _turnSince) = (true, _server.Clock.GetTimestamp());
            if (_state == State.Closed)
            {
                EndTurn();
            }
        }
    }

    // Called a few times a second, under the gate.
    private void TickTurn()
    {
        if (HasTurn && _server.Clock.GetElapsedTime(_turnSince) > LongestTurn)
        {
            EndTurn();
        }

        if (_hold.Reason != HoldReason.Limits)
        {
            TellUnblocked();
        }
    }

    private void TellUnblocked()
    {
        if (_isToldBlocked && !_server.Alarms.IsRaised && _state == State.Open)
        {
            _isToldBlocked = false;
            _output.Write(0, new ConnectionUnblocked());
            _output.Flush();
        }
    }
}
