using System.Diagnostics;
using Granary.Bench.Measure;

namespace Granary.Bench.Load;

/// <summary>Runs the workers of a driver against each other, in one order or the other, and takes the times.</summary>
internal sealed class LoadRun(LoadOptions options, ILoadDriver driver)
{
    private const double Mebibyte = 1024 * 1024;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(200);

    private readonly List<ProducerWorker> _producers = [];
    private readonly List<ConsumerWorker> _consumers = [];
    private readonly UsageWatch _usage = new(options.BrokerPid);
    private long _endedAt;
    private long _sampledAt = Stopwatch.GetTimestamp();

    private long Published => _producers.Sum(producer => producer.Count);

    private long Consumed => _consumers.Sum(consumer => consumer.Count);

    public LoadResult Run()
    {
        var binding = options.Producers + options.Consumers + options.Bindings > 0 ? driver.Prepare() : TimeSpan.Zero;
        var opening = Stopwatch.GetTimestamp();
        using var idle = options.IdleConnections > 0 ? driver.OpenIdle(options.IdleConnections) : null;
        var opened = Stopwatch.GetElapsedTime(opening);

        using var produce = new ManualResetEvent(false);
        using var consume = new ManualResetEvent(false);
        StartWorkers(produce, consume);

        _usage.Begin();
        var start = Stopwatch.GetTimestamp();
        var consumeStart = start;
        if (!options.LateConsumers)
        {
            consume.Set();
        }

        produce.Set();
        if (_producers.Count == 0)
        {
            Hold();
        }

        WatchUntil(() => _producers.TrueForAll(producer => producer.IsFinished), progressMatters: false);
        if (options.LateConsumers)
        {
            consumeStart = Stopwatch.GetTimestamp();
            consume.Set();
        }

        var expected = _producers.Count > 0 && _consumers.Count > 0 ? (Published - _producers.Sum(producer => producer.Refused)) * options.Copies : 0;
        WatchUntil(() => Consumed >= expected, progressMatters: true);
        _endedAt = Stopwatch.GetTimestamp();
        _usage.Sample();
        idle?.ThrowIfLost();
        StopWorkers();
        var result = Summarize(start, consumeStart, expected) with
        {
            BindingsPerS = options.Bindings > 0 ? options.Bindings / binding.TotalSeconds : null,
            IdleConnections = idle is null ? null : options.IdleConnections,
            IdleOpenedPerS = idle is null ? null : options.IdleConnections / opened.TotalSeconds,
        };
        if (!options.Keep && options.Producers + options.Consumers + options.Bindings > 0)
        {
            driver.Clean();
        }

        return result;
    }

    private void StartWorkers(WaitHandle produce, WaitHandle consume)
    {
        for (var i = 0; i < options.Consumers; i++)
        {
            _consumers.Add(driver.CreateConsumer(i));
            _consumers[i].Start(consume);
        }

        for (var i = 0; i < options.Producers; i++)
        {
            _producers.Add(driver.CreateProducer(i));
            _producers[i].Start(produce);
        }

        foreach (var worker in Workers())
        {
            worker.WaitOpened();
        }
    }

    private void StopWorkers()
    {
        foreach (var worker in Workers())
        {
            worker.Stop();
        }

        foreach (var worker in Workers())
        {
            worker.Join(options.Patience);
            worker.ThrowIfFailed();
        }
    }

    private IEnumerable<LoadWorker> Workers() => _producers.Concat<LoadWorker>(_consumers);

    private void Hold()
    {
        var since = Stopwatch.GetTimestamp();
        WatchUntil(() => Stopwatch.GetElapsedTime(since) >= options.Duration, progressMatters: false);
    }

    /// <summary>Returns when the condition holds or, where progress matters, when nothing was consumed for as long as the patience lasts.</summary>
    private void WatchUntil(Func<bool> done, bool progressMatters)
    {
        var count = Consumed;
        var movedAt = Stopwatch.GetTimestamp();
        while (!done())
        {
            Thread.Sleep(Tick);
            foreach (var worker in Workers())
            {
                worker.ThrowIfFailed();
            }

            if (options.BrokerPid > 0 && Stopwatch.GetElapsedTime(_sampledAt) > SampleInterval)
            {
                _usage.Sample();
                _sampledAt = Stopwatch.GetTimestamp();
            }

            if (Consumed != count)
            {
                count = Consumed;
                movedAt = Stopwatch.GetTimestamp();
            }
            else if (progressMatters && Stopwatch.GetElapsedTime(movedAt) > options.Patience)
            {
                return;
            }
        }
    }

    private LoadResult Summarize(long start, long consumeStart, long expected)
    {
        var latency = Merge(_consumers.Select(consumer => consumer.Latency));
        var confirm = Merge(_producers.Select(producer => producer.ConfirmLatency));
        var published = Published;
        var consumed = Consumed;
        var confirmed = _producers.Sum(producer => producer.Confirmed);
        var confirms = options.ConfirmWindow > 0 && published > 0;
        var publishedAt = _producers.Select(producer => producer.PublishedAt).DefaultIfEmpty().Max();
        var confirmedAt = _producers.Select(producer => producer.ConfirmedAt).DefaultIfEmpty().Max();
        var consumedAt = _consumers.Select(consumer => consumer.LastAt).DefaultIfEmpty().Max();
        var messages = _consumers.Count > 0 ? consumed : published;
        return new LoadResult
        {
            Seconds = Math.Round(Stopwatch.GetElapsedTime(start, _endedAt).TotalSeconds, 3),
            Published = published,
            PublishedPerS = published > 0 ? PerSecond(published, start, publishedAt) : null,
            Confirmed = confirms ? confirmed : null,
            ConfirmedPerS = confirms && confirmed > 0 ? PerSecond(confirmed, start, confirmedAt) : null,
            Refused = confirms ? _producers.Sum(producer => producer.Refused) : null,
            Consumed = _consumers.Count > 0 ? consumed : null,
            ConsumedPerS = consumed > 0 ? PerSecond(consumed, consumeStart, consumedAt) : null,
            Missing = Math.Max(0, expected - consumed) + (confirms ? published - confirmed : 0),
            LatencySamples = latency.Count > 0 ? latency.Count : null,
            LatencyP50Us = Microseconds(latency, 0.5),
            LatencyP90Us = Microseconds(latency, 0.9),
            LatencyP99Us = Microseconds(latency, 0.99),
            LatencyP999Us = Microseconds(latency, 0.999),
            LatencyMaxUs = Microseconds(latency, 1),
            ConfirmP50Us = Microseconds(confirm, 0.5),
            ConfirmP90Us = Microseconds(confirm, 0.9),
            ConfirmP99Us = Microseconds(confirm, 0.99),
            ConfirmP999Us = Microseconds(confirm, 0.999),
            ConfirmMaxUs = Microseconds(confirm, 1),
            BrokerCpuS = Rounded(_usage.BrokerCpuSeconds, 2),
            BrokerCpuUsPerMessage = messages > 0 ? Rounded(_usage.BrokerCpuSeconds * 1e6 / messages, 3) : null,
            BrokerRssMib = Rounded(_usage.ResidentBytes / Mebibyte, 1),
            BrokerRssMaxMib = Rounded(_usage.MaxResidentBytes / Mebibyte, 1),
            ClientCpuS = Math.Round(_usage.ClientCpuSeconds, 2),
        };
    }

    private static LatencyHistogram Merge(IEnumerable<LatencyHistogram> parts)
    {
        var all = new LatencyHistogram();
        foreach (var part in parts)
        {
            all.Add(part);
        }

        return all;
    }

    private static double PerSecond(long count, long start, long end) => Math.Round(count / Stopwatch.GetElapsedTime(start, end).TotalSeconds);

    private static double? Microseconds(LatencyHistogram latency, double part) =>
        latency.Count > 0 ? Math.Round(latency.Percentile(part) / 1000.0, 1) : null;

    private static double? Rounded(double? value, int digits) => value is { } number ? Math.Round(number, digits) : null;
}
