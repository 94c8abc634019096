using System.Diagnostics.CodeAnalysis;

namespace Granary.Silo.Queues.Activation;

/// <summary>What is done in one turn.</summary>
internal delegate TResult QueueTurn<TState, out TResult>(ref TState state)
    where TState : allows ref struct;

/// <summary>
/// The turns of one activation of a queue. Whatever touches the queue does so in a turn: calls of the runtime, packets that came without one, the timer, news
/// of the store, and what goes on after something was awaited. Turns run on any thread, one at a time, and wait for nothing.
/// </summary>
/// <param name="finish">Follows the body of each turn, within the turn.</param>
/// <param name="fail">Told, within the turn, that it broke off half-way. No turn follows.</param>
internal sealed class QueueTurns(Action finish, Action<Exception> fail)
{
    private readonly Lock _one = new();
    private long _taken;

    /// <summary>No turn begins any more: a turn failed, another activation has the queue, or the runtime has ended this one.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Turns since the activation began. Read by any thread.</summary>
    public long Taken => Volatile.Read(ref _taken);

    /// <summary>Runs one turn.</summary>
    /// <returns>False if the activation has ended, or ends because this turn failed.</returns>
    public bool TryRun<TState, TResult>(ref TState state, QueueTurn<TState, TResult> body, [MaybeNullWhen(false)] out TResult result)
        where TState : allows ref struct
    {
        lock (_one)
        {
            result = default;
            if (HasEnded)
            {
                return false;
            }

            _taken++;
            try
            {
                result = body(ref state);
                if (!HasEnded)
                {
                    finish();
                }

                return true;
            }
            catch (Exception exception)
            {
                // Half of it is done. What is stored is whole, and the next activation begins with that.
                HasEnded = true;
                fail(exception);
                return false;
            }
        }
    }

    /// <summary>Runs one turn that answers nobody.</summary>
    public bool TryRun<TState>(TState state, Action<TState> body)
    {
        var turn = (state, body);
        return TryRun(
            ref turn,
            static (ref (TState State, Action<TState> Body) turn) =>
            {
                turn.Body(turn.State);
                return true;
            },
            out _);
    }

    /// <summary>Ends the activation, in a turn or beside them: <paramref name="last"/> is the last thing that touches the queue. False if it has ended before.</summary>
    public bool TryEnd(Action last)
    {
        lock (_one)
        {
            if (HasEnded)
            {
                return false;
            }

            HasEnded = true;
            last();
            return true;
        }
    }
}
