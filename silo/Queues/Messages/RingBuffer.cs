namespace Granary.Silo.Queues.Messages;

/// <summary>A growing ring with access by index: cheap at both ends, half a move in the middle.</summary>
internal sealed class RingBuffer<T>
{
    private T[] _items = new T[4];
    private int _head;

    public int Count { get; private set; }

    /// <summary>By the place, from the first on; <c>[^1]</c> is the last.</summary>
    public ref T this[int index] => ref _items[(_head + index) & (_items.Length - 1)];

    public void AddLast(in T item)
    {
        if (Count == _items.Length)
        {
            Grow();
        }

        Count++;
        this[Count - 1] = item;
    }

    public T RemoveFirst()
    {
        ref var first = ref this[0];
        var item = first;
        first = default!;
        _head = (_head + 1) & (_items.Length - 1);
        Count--;
        return item;
    }

    public void Insert(int index, in T item)
    {
        AddLast(item);
        for (var i = Count - 1; i > index; i--)
        {
            this[i] = this[i - 1];
        }

        this[index] = item;
    }

    public void RemoveAt(int index)
    {
        if (index == 0)
        {
            RemoveFirst();
            return;
        }

        for (var i = index; i < Count - 1; i++)
        {
            this[i] = this[i + 1];
        }

        this[Count - 1] = default!;
        Count--;
    }

    /// <summary>Empties the ring and gives its memory back.</summary>
    public void Clear()
    {
        _items = new T[4];
        _head = 0;
        Count = 0;
    }

    private void Grow()
    {
        var grown = new T[_items.Length * 2];
        for (var i = 0; i < Count; i++)
        {
            grown[i] = this[i];
        }

        _items = grown;
        _head = 0;
    }
}
