using System.ComponentModel;

namespace Orleans.StandIn;

/// <summary>Used call objects of one method, per thread.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class CallPool<TCall>
    where TCall : Call, new()
{
    private const int Capacity = 64;

    [ThreadStatic]
    private static TCall[]? Free;

    [ThreadStatic]
    private static int Count;

    public static TCall Rent()
    {
        if (Count == 0)
        {
            return new();
        }

        return Free![--Count];
    }

    public static void Return(TCall call)
    {
        Free ??= new TCall[Capacity];
        if (Count < Capacity)
        {
            Free[Count++] = call;
        }
    }
}
