// What the page uses of uPlot; its own declarations are many times as long.
declare const uPlot: { new (options: any, data: any[], element: HTMLElement): any; join(tables: any[]): any[] };
