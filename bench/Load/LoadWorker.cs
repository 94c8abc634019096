using System.Diagnostics;

namespace Granary.Bench.Load;

/// <summary>One connection on a thread of its own: it opens, waits for the start, works, and closes.</summary>
internal abstract class LoadWorker(string name)
{
    private readonly ManualResetEventSlim _opened = new();
    private Thread? _thread;
    private long _count;
    private volatile Exception? _failure;
    private volatile bool _stopping;

    /// <summary>Messages published or consumed so far; written by the worker's thread alone.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>The timestamp at which the last counted message was there.</summary>
    public long LastAt { get; protected set; }

    public bool IsFinished => _thread is { IsAlive: false };

    public Exception? Failure => _failure;

    protected bool Stopping => _stopping;

    public void Start(WaitHandle go)
    {
        _thread = new Thread(() => Run(go)) { Name = name, IsBackground = true };
        _thread.Start();
    }

    public void WaitOpened()
    {
        _opened.Wait();
        ThrowIfFailed();
    }

    public void Stop() => _stopping = true;

    public void Join(TimeSpan patience) => _thread?.Join(patience);

    public void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    protected abstract void Open();

    protected abstract void Work();

    protected abstract void Close();

    protected void Add(long count)
    {
        LastAt = Stopwatch.GetTimestamp();
        Volatile.Write(ref _count, _count + count);
    }

    private void Run(WaitHandle go)
    {
        try
        {
            Open();
            _opened.Set();
            go.WaitOne();
            if (!_stopping)
            {
                Work();
            }

            Close();
        }
        catch (Exception error)
        {
            // Told by LoadRun, which watches all workers.
            _failure = error;
        }
        finally
        {
            _opened.Set();
        }
    }
}

/// <summary>A worker that publishes.</summary>
internal abstract class ProducerWorker(string name) : LoadWorker(name)
{
    public long Confirmed { get; protected set; }

    public long Refused { get; protected set; }

    /// <summary>When the broker had handled the last publish, as far as one can ask it.</summary>
    public long PublishedAt { get; protected set; }

    public long ConfirmedAt { get; protected set; }

    public Measure.LatencyHistogram ConfirmLatency { get; } = new();
}

/// <summary>A worker that consumes until it is stopped.</summary>
internal abstract class ConsumerWorker(LoadOptions options, int index) : LoadWorker($"consumer {index}")
{
    private long _recordFrom;

    protected LoadOptions Options => options;

    public Measure.LatencyHistogram Latency { get; } = new();

    protected sealed override void Open()
    {
        Connect();
        if (!options.LateConsumers)
        {
            Subscribe();
        }
    }

    protected sealed override void Work()
    {
        // Without a warm-up everything counts, also what was published before this thread came to run.
        _recordFrom = options.Warmup > TimeSpan.Zero ? Stopwatch.GetTimestamp() + (long)(options.Warmup.TotalSeconds * Stopwatch.Frequency) : 0;
        if (options.LateConsumers)
        {
            Subscribe();
        }

        Receive();
    }

    protected abstract void Connect();

    protected abstract void Subscribe();

    /// <summary>Counts what comes until the worker is stopped.</summary>
    protected abstract void Receive();

    /// <summary>How long a message was under way that has just come, unless it was sent during the warm-up.</summary>
    protected void RecordLatency(long sent, long now)
    {
        if (sent >= _recordFrom)
        {
            Latency.RecordTicks(now - sent);
        }
    }
}
