namespace Granary.Core.Threads;

/// <summary>A little work that must not block: it runs by itself on some thread, see <see cref="TurnThread"/>. An exception ends the process.</summary>
public interface ITurn : IThreadPoolWorkItem
{
    void Run();

    void IThreadPoolWorkItem.Execute() => TurnThread.Run(this);
}
