using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>One activation of a grain: its state in life, and the queue of its turns, of which one runs at a time.</summary>
internal sealed partial class Activation : CallTarget, IGrainContext, ITurn
{
    private const int TurnsPerRun = 128;
    private static readonly Action<object?> RunTurnsOf = static activation => ((Activation)activation!).RunTurns();

    private static readonly object EndTurn = new();

    private readonly Queue<object> _ready = new();
    private readonly Queue<Call> _waiting = new();
    private readonly ActivationScheduler _scheduler;
    private bool _scheduled;
    private int _running;
    private int _blocking;
    private bool _blockedByReadsOnly;

    public Activation(Silo silo, GrainClass grainClass, GrainId grainId)
        : base(silo, grainId)
    {
        Class = grainClass;
        _scheduler = new(this);
        _scope = silo.Services.CreateAsyncScope();
        LastActive = Environment.TickCount64;
    }

    /// <summary>The activation whose turn runs on this thread.</summary>
    [field: ThreadStatic]
    public static Activation? Current { get; private set; }

    public GrainClass Class { get; }

    public static Activation Of(IGrainBase grain) => (Activation)grain.GrainContext;

    public override bool TryAccept(Call call)
    {
        lock (Gate)
        {
            if (_phase == Phase.Ended)
            {
                return false;
            }

            if (call.IsBoundToActivation && _phase == Phase.Deactivating)
            {
                return true;
            }

            Track(call);
            if (_phase == Phase.Active && MayStart(call))
            {
                MakeReady(call);
            }
            else
            {
                _waiting.Enqueue(call);
                return true;
            }
        }

        return true;
    }

    public override bool Finish(Call call)
    {
        bool answer;
        lock (Gate)
        {
            answer = EndTracking(call);
            EndRunning(call);
            if (call.KeepsActive)
            {
                LastActive = Environment.TickCount64;
            }

            if (_phase == Phase.Active)
            {
                StartWaiting();
            }
            else if (_phase == Phase.Deactivating && _running == 0)
            {
                MakeReady(EndTurn);
            }
        }

        if (Silo.Unkindness is { } unkindness)
        {
            unkindness.AfterTurn(this);
        }

        return answer;
    }

    public void AddTurn(Task turn)
    {
        lock (Gate)
        {
            MakeReady(turn);
        }
    }

    void ITurn.Run()
    {
        Current = this;
        try
        {
            // Being inside a task of this scheduler is what makes awaits come back to it.
            new Task(RunTurnsOf, this, CancellationToken.None, TaskCreationOptions.DenyChildAttach).RunSynchronously(_scheduler);
        }
        finally
        {
            Current = null;
        }
    }

    private void RunTurns()
    {
        var clean = ExecutionContext.Capture();
        for (var turns = 0; turns < TurnsPerRun; turns++)
        {
            object? next;
            lock (Gate)
            {
                if (!_ready.TryDequeue(out next))
                {
                    _scheduled = false;
                    return;
                }

                if (next is Call early && _phase == Phase.Deactivating)
                {
                    PutBack(early);
                    continue;
                }
            }

            if (next is Call call)
            {
                call.Start(_instance!);

                // A grain method that is not async leaves its async-locals behind.
                if (ExecutionContext.Capture() != clean)
                {
                    ExecutionContext.Restore(clean!);
                }
            }
            else if (next is Task turn)
            {
                _scheduler.Run(turn);
            }
            else
            {
                _ = DeactivateAsync();
            }
        }

        TurnThread.Schedule(this);
    }

    /// <summary>Under the gate.</summary>
    private bool MayStart(Call call)
        => _blocking == 0
            || Class.IsReentrant
            || (call.Traits & CallTraits.AlwaysInterleave) != 0
            || (_blockedByReadsOnly && (call.Traits & CallTraits.ReadOnly) != 0);

    private bool Blocks(Call call) => !Class.IsReentrant && (call.Traits & CallTraits.AlwaysInterleave) == 0;

    /// <summary>Under the gate.</summary>
    private void MakeReady(object turn)
    {
        if (turn is Call call)
        {
            _running++;
            if (Blocks(call))
            {
                _blocking++;
                _blockedByReadsOnly = (call.Traits & CallTraits.ReadOnly) != 0;
            }
        }

        _ready.Enqueue(turn);
        if (!_scheduled)
        {
            _scheduled = true;
            TurnThread.Schedule(this);
        }
    }

    /// <summary>Under the gate: a call that has not begun when the activation starts to end is for the next one.</summary>
    private void PutBack(Call call)
    {
        EndRunning(call);
        _waiting.Enqueue(call);
        if (_running == 0)
        {
            MakeReady(EndTurn);
        }
    }

    /// <summary>Under the gate.</summary>
    private void EndRunning(Call call)
    {
        _running--;
        if (Blocks(call))
        {
            _blocking--;
        }
    }

    /// <summary>Under the gate.</summary>
    private void StartWaiting()
    {
        while (_waiting.TryPeek(out var call))
        {
            if (call is { Expired: true, AnswerLost: false })
            {
                _waiting.Dequeue();
            }
            else if (MayStart(call))
            {
                MakeReady(_waiting.Dequeue());
            }
            else
            {
                return;
            }
        }
    }
}
