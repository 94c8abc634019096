using System.ComponentModel;
using System.Threading.Tasks.Sources;
using Orleans.StandIn.Copying;

namespace Orleans.StandIn;

/// <summary>Stands in for a result where there is none.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly struct Nothing;

/// <summary>A call whose answer is a <typeparamref name="T"/>; it is itself the source of the caller's task.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class AnsweredCall<T> : Call, IValueTaskSource<T>, IValueTaskSource, ITurn
{
    private ManualResetValueTaskSourceCore<T> _source;
    private T? _answer;
    private Exception? _error;
    private TaskCompletionSource<T>? _task;
    private bool _abandoned;

    internal ValueTask<T> AsValueTaskOfT() => new(this, _source.Version);

    internal ValueTask AsValueTask() => new(this, _source.Version);

    internal Task<T> AsTaskOfT() => (_task = new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    internal override void Fail(Exception exception)
    {
        if (Target is null || Target.Finish(this))
        {
            AnswerError(exception);
        }
    }

    internal override void Abandon(Exception exception)
    {
        _abandoned = true;
        AnswerError(exception);
    }

    protected void Succeed(T result)
    {
        // The copy is taken in the grain's turn: it may go on changing what it returned.
        if (!CopierOf<T>.ByReference)
        {
            try
            {
                result = CopierOf<T>.Copy(result);
            }
            catch (Exception exception)
            {
                Fail(exception);
                return;
            }
        }

        if (!Target!.Finish(this))
        {
            return;
        }

        if (IsOneWay)
        {
            Target = null;
            Recycle();
        }
        else if (Target.Silo.Unkindness?.AnswerDelay() is { } delay)
        {
            _ = AnswerLaterAsync(result, delay);
        }
        else
        {
            Answer(result);
        }
    }

    private async Task AnswerLaterAsync(T result, TimeSpan delay)
    {
        await Task.Delay(delay).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Answer(result);
    }

    private void Answer(T result)
    {
        if (_task is { } task)
        {
            _task = null;
            task.SetResult(result);
            Target = null;
            Recycle();
        }
        else
        {
            _answer = result;
            TurnThread.Schedule(this);
        }
    }

    private void AnswerError(Exception exception)
    {
        if (IsOneWay)
        {
            Target?.Silo.Log.OneWayFailed(exception, Name);
            return;
        }

        if (_task is { } task)
        {
            task.SetException(exception);
            return;
        }

        _error = exception;
        TurnThread.Schedule(this);
    }

    bool ITurn.MayBlock => true;

    // Never within the turn that answered: the caller goes on here.
    void ITurn.Run()
    {
        var (answer, error) = (_answer, _error);
        (_answer, _error) = (default, null);
        if (error is null)
        {
            _source.SetResult(answer!);
        }
        else
        {
            _source.SetException(error);
        }
    }

    private void Rearm()
    {
        if (!_abandoned)
        {
            _source.Reset();
            Target = null;
            Recycle();
        }
    }

    T IValueTaskSource<T>.GetResult(short token)
    {
        var faulted = _source.GetStatus(token) != ValueTaskSourceStatus.Succeeded;
        var result = _source.GetResult(token);
        if (!faulted)
        {
            Rearm();
        }

        return result;
    }

    void IValueTaskSource.GetResult(short token) => ((IValueTaskSource<T>)this).GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _source.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _source.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _source.OnCompleted(continuation, state, token, flags);
}
