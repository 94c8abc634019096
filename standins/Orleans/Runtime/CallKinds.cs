using System.ComponentModel;
using System.Runtime.CompilerServices;

namespace Orleans.StandIn;

/// <summary>A call of a method that returns nothing at all, as observers have them.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class VoidCall : AnsweredCall<Nothing>
{
    protected abstract void Invoke(object instance);

    internal override void Start(object instance)
    {
        try
        {
            Invoke(instance);
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        Succeed(default);
    }
}

/// <summary>A call of a method that returns <see cref="Task"/>.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class TaskCall : AnsweredCall<Nothing>
{
    private Action? _ended;
    private TaskAwaiter _awaiter;

    protected abstract Task Invoke(object instance);

    internal override void Start(object instance)
    {
        try
        {
            _awaiter = (Invoke(instance) ?? Task.CompletedTask).GetAwaiter();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        if (_awaiter.IsCompleted)
        {
            End();
        }
        else
        {
            _awaiter.UnsafeOnCompleted(_ended ??= End);
        }
    }

    private void End()
    {
        try
        {
            _awaiter.GetResult();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        _awaiter = default;
        Succeed(default);
    }
}

/// <summary>A call of a method that returns <see cref="Task{T}"/>.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class TaskCall<T> : AnsweredCall<T>
{
    private Action? _ended;
    private TaskAwaiter<T> _awaiter;

    protected abstract Task<T> Invoke(object instance);

    internal override void Start(object instance)
    {
        try
        {
            _awaiter = (Invoke(instance) ?? throw new InvalidOperationException($"{Name} returned null in place of a task.")).GetAwaiter();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        if (_awaiter.IsCompleted)
        {
            End();
        }
        else
        {
            _awaiter.UnsafeOnCompleted(_ended ??= End);
        }
    }

    private void End()
    {
        T result;
        try
        {
            result = _awaiter.GetResult();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        _awaiter = default;
        Succeed(result);
    }
}

/// <summary>A call of a method that returns <see cref="ValueTask"/>.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class ValueTaskCall : AnsweredCall<Nothing>
{
    private Action? _ended;
    private ValueTaskAwaiter _awaiter;

    protected abstract ValueTask Invoke(object instance);

    internal override void Start(object instance)
    {
        try
        {
            _awaiter = Invoke(instance).GetAwaiter();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        if (_awaiter.IsCompleted)
        {
            End();
        }
        else
        {
            _awaiter.UnsafeOnCompleted(_ended ??= End);
        }
    }

    private void End()
    {
        try
        {
            _awaiter.GetResult();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        _awaiter = default;
        Succeed(default);
    }
}

/// <summary>A call of a method that returns <see cref="ValueTask{T}"/>.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class ValueTaskCall<T> : AnsweredCall<T>
{
    private Action? _ended;
    private ValueTaskAwaiter<T> _awaiter;

    protected abstract ValueTask<T> Invoke(object instance);

    internal override void Start(object instance)
    {
        try
        {
            _awaiter = Invoke(instance).GetAwaiter();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        if (_awaiter.IsCompleted)
        {
            End();
        }
        else
        {
            _awaiter.UnsafeOnCompleted(_ended ??= End);
        }
    }

    private void End()
    {
        T result;
        try
        {
            result = _awaiter.GetResult();
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        _awaiter = default;
        Succeed(result);
    }
}
