using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>Several activations of one key, of which each call gets one that is free.</summary>
internal sealed class StatelessWorkers(Silo silo, GrainClass grainClass, GrainId grainId, int most) : CallTarget(silo, grainId)
{
    private readonly List<Activation> _workers = [];
    private int _next;

    public override bool TryAccept(Call call)
    {
        while (!Choose().TryAccept(call))
        {
            Thread.Yield();
        }

        return true;
    }

    public override bool Finish(Call call) => throw new InvalidOperationException("Calls end at a worker.");

    public void Remove(Activation worker)
    {
        lock (Gate)
        {
            _workers.Remove(worker);
        }
    }

    private Activation Choose()
    {
        lock (Gate)
        {
            foreach (var worker in _workers)
            {
                if (worker.LooksIdle)
                {
                    return worker;
                }
            }

            if (_workers.Count < most)
            {
                var worker = new Activation(Silo, grainClass, GrainId);
                _workers.Add(worker);
                Silo.Directory.Join(worker);
                worker.Begin();
                return worker;
            }

            return _workers[_next++ % _workers.Count];
        }
    }
}
